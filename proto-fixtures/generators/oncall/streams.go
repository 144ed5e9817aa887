//go:build go1.26

package main

import (
	"net/http"
	"net/http/httptest"
)

// oneStream starts a server that allows one stream of a connection, and makes a client that keeps to one connection.
func oneStream(server *httptest.Server) *http.Client {
	server.EnableHTTP2 = true
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1}
	server.StartTLS()
	client := server.Client()
	client.Transport.(*http.Transport).HTTP2 = &http.HTTP2Config{StrictMaxConcurrentRequests: true}
	return client
}
