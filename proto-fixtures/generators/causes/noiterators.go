//go:build !go1.23

package main

import "fixtures/ground"

// handedIterator needs iterators: Go 1.23.
func handedIterator(*ground.Ground) {}
