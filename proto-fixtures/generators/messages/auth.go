package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"runtime/trace"
	"sync"
	"time"

	"fixtures/tracer"
)

// auth keeps the access token. Whoever wants it needs the mutex, and a refresh holds the mutex from its first to its
// last step: this is the mistake that the demonstration finds.
type auth struct {
	spans    *tracer.Tracer
	identity *pool

	mu      sync.Mutex
	token   [32]byte
	uses    int
	refresh *tracer.Span
}

func newAuth(spans *tracer.Tracer, identity string) *auth {
	return &auth{spans: spans, identity: newPool(identity)}
}

// accessToken returns the token; every 23rd use is refused, as a revoked one would be.
func (a *auth) accessToken(ctx context.Context) ([32]byte, error) {
	ctx, span := a.spans.Start(ctx, "auth.AccessToken", tracer.Internal)
	defer span.End()
	lock := trace.StartRegion(ctx, "token.lock")
	asked := time.Now()
	a.mu.Lock()
	waited := time.Since(asked)
	lock.End()
	token, refresh := a.token, a.refresh
	a.uses++
	refused := a.uses%23 == 0
	a.mu.Unlock()
	if waited > time.Millisecond && refresh != nil {
		trace.Logf(ctx, "token", "waited %v", waited)
		span.Link(refresh)
	}
	trace.WithRegion(ctx, "token.verify", func() { digest(60, token[:]) })
	if refused {
		err := errors.New("auth: the token was revoked")
		span.Fail(err)
		return token, err
	}
	return token, nil
}

// refreshLoop gets a new token every now and then, in a trace of its own.
func (a *auth) refreshLoop(ctx context.Context, pause time.Duration) {
	for ctx.Err() == nil {
		time.Sleep(pause)
		job, span := a.spans.Start(context.Background(), "auth.Refresh", tracer.Internal)
		a.mu.Lock()
		// The call comes last, so that whoever waits is woken while this goroutine still works for its task.
		trace.WithRegion(job, "signature.check", func() { a.token = digest(24000, a.token[:]) })
		trace.WithRegion(job, "identity.exchange", func() {
			if _, err := a.identity.call(job, `{"grant":"refresh"}`, 9*time.Millisecond, 1); err != nil {
				span.Fail(err)
			}
		})
		a.refresh = span
		a.mu.Unlock()
		span.End()
	}
}

// digest keeps a processor busy: some tenths of a microsecond a round.
func digest(rounds int, of []byte) [32]byte {
	sum := sha256.Sum256(of)
	for i := 0; i < rounds; i++ {
		sum = sha256.Sum256(sum[:])
	}
	return sum
}
