package main

import (
	"runtime"
	"sync/atomic"
)

// node is small and full of pointers, so that marking costs much for little memory.
type node struct {
	next, other *node
	payload     [6]uint64
}

// heap is what stays alive for the whole run.
type heap struct{ nodes *node }

// fillHeap allocates about so many MiB of nodes.
func fillHeap(mib int) *heap {
	h := &heap{}
	for i := 0; i < mib<<20/64; i++ {
		h.nodes = &node{next: h.nodes, other: h.nodes}
	}
	return h
}

func (h *heap) release() { runtime.KeepAlive(h.nodes) }

// litterBin keeps the last piece of garbage reachable, so that the compiler puts all of it on the heap.
var litterBin atomic.Pointer[node]

// litter makes so many chains of garbage, 2 KiB each.
func litter(chains int) {
	for i := 0; i < chains; i++ {
		var n *node
		for k := 0; k < 32; k++ {
			n = &node{next: n}
		}
		litterBin.Store(n)
	}
}
