package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"sync"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// ownWork waits for something that a goroutine of its own brings about after a while, over others that work for nobody.
func ownWork(g *ground.Ground, name string, publish func(), received <-chan struct{}) {
	w := g.Begin(context.Background(), name)
	go func() {
		time.Sleep(8 * ms)
		publish()
	}()
	w.In("sleep", func() { <-received })
	w.End()
	w.Within("sleep")
	w.PathAtLeast(8*ms-ms/4, "sleep")
	none(w, "lock", "chan")
}

// passes hands on what it is given.
func passes(from <-chan struct{}, to chan<- struct{}) {
	defer close(to)
	for one := range from {
		to <- one
	}
}

// ownBus is told over a bus what a goroutine of its own has published there.
func ownBus(g *ground.Ground) {
	published, received := make(chan struct{}), make(chan struct{})
	go passes(published, received)
	ownWork(g, "relay.OwnBus", func() { published <- struct{}{} }, received)
	close(published)
}

// twoBuses has two of them in between.
func twoBuses(g *ground.Ground) {
	published, between, received := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go passes(published, between)
	go passes(between, received)
	ownWork(g, "relay.TwoBuses", func() { published <- struct{}{} }, received)
	close(published)
}

// ownList is as ownBus, over a list under a mutex, with a condition to tell that there is something.
func ownList(g *ground.Ground) {
	var mu sync.Mutex
	more := sync.NewCond(&mu)
	var list []chan struct{}
	received := make(chan struct{})
	go func() {
		mu.Lock()
		defer mu.Unlock()
		for len(list) == 0 {
			more.Wait()
		}
		close(list[0])
	}()
	ownWork(g, "relay.OwnList", func() {
		mu.Lock()
		list = append(list, received)
		mu.Unlock()
		more.Signal()
	}, received)
}

// pipeToNobody writes into a pipe that a goroutine of nobody empties, which tells when it has all.
func pipeToNobody(g *ground.Ground) {
	in, out := io.Pipe()
	emptied := make(chan struct{})
	go func() {
		defer close(emptied)
		io.Copy(io.Discard, in)
	}()
	ownWork(g, "relay.PipeToNobody", func() {
		out.Write(make([]byte, 100))
		out.Close()
	}, emptied)
}

// packedStream packs what a goroutine of its own makes, and unpacks it again on the other side of a pipe.
func packedStream(g *ground.Ground) {
	w := g.Begin(context.Background(), "relay.PackedStream")
	in, out := io.Pipe()
	go func() {
		buffered := bufio.NewWriterSize(out, 512)
		packed := gzip.NewWriter(buffered)
		for i := 0; i < 4; i++ {
			time.Sleep(2 * ms)
			packed.Write(bytes.Repeat([]byte{byte(i), 7, byte(i * 3)}, 1000))
			packed.Flush()
			buffered.Flush()
		}
		packed.Close()
		buffered.Flush()
		out.Close()
	}()
	unpacked, err := gzip.NewReader(bufio.NewReader(in))
	recorder.Check(err)
	_, err = io.Copy(io.Discard, unpacked)
	recorder.Check(err)
	w.To("sleep")
	w.End()
	w.Within("sleep")
	w.PathAtLeast(8*ms-ms/4, "sleep")
	none(w, "lock", "chan")
}
