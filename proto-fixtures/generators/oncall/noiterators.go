//go:build !go1.23

package main

import "fixtures/ground"

// Before Go 1.23 there are no iterators.
func openIterator(*ground.Ground) {}
func busyIterator(*ground.Ground) {}
