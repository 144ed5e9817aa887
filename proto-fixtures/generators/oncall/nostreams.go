//go:build !go1.26

package main

import (
	"net/http"
	"net/http/httptest"
)

// oneStream makes no client: before Go 1.26 none keeps to one connection.
func oneStream(*httptest.Server) *http.Client { return nil }
