//go:build !go1.23

package main

import "context"

// coroutines came with Go 1.23.
func (c *corners) coroutines(context.Context) {}
