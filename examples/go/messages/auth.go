package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net/http"
	"runtime/trace"
	"sync"
	"time"
)

// auth keeps the access token. A refresh holds the mutex from its first step to its last, the call over the network
// included, and whoever wants the token meanwhile waits: this is the mistake to be found.
type auth struct {
	tracing  tracing
	identity string
	client   *http.Client

	mu    sync.Mutex
	token []byte
}

func newAuth(tracing tracing, identity string) *auth {
	return &auth{tracing: tracing, identity: identity, client: &http.Client{Transport: &http.Transport{}}, token: []byte("none yet")}
}

func (a *auth) accessToken(ctx context.Context) []byte {
	ctx, span := a.tracing.internal(ctx, "auth.AccessToken")
	defer span.end()
	lock := trace.StartRegion(ctx, "token.lock")
	a.mu.Lock()
	lock.End()
	token := a.token
	a.mu.Unlock()
	trace.WithRegion(ctx, "token.verify", func() { digest(100, token) })
	return token
}

// refreshLoop gets a new token every now and then, in a trace of its own.
func (a *auth) refreshLoop(ctx context.Context, every time.Duration) {
	for pause(ctx, every) {
		if err := a.refresh(ctx); err != nil && ctx.Err() == nil {
			log.Printf("auth: the token stays what it was: %v", err)
		}
	}
}

func (a *auth) refresh(ctx context.Context) (err error) {
	ctx, span := a.tracing.internal(ctx, "auth.Refresh")
	defer span.end()
	defer func() {
		if err != nil {
			span.fail(err)
		}
	}()
	a.mu.Lock()
	defer a.mu.Unlock()
	exchange := trace.StartRegion(ctx, "identity.exchange")
	fresh, err := a.exchange(ctx)
	exchange.End()
	if err != nil {
		return err
	}
	trace.WithRegion(ctx, "signature.check", func() { fresh = digest(20_000, fresh) })
	a.token = fresh
	return nil
}

// exchange asks the identity provider over HTTP.
func (a *auth) exchange(ctx context.Context) ([]byte, error) {
	ctx, span := a.tracing.client(ctx, "POST /token")
	defer span.end()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.identity+"/token", nil)
	if err != nil {
		return nil, err
	}
	response, err := a.client.Do(request)
	if err != nil {
		span.fail(err)
		return nil, err
	}
	defer response.Body.Close()
	span.number("http.response.status_code", response.StatusCode)
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("identity: %s", response.Status)
		span.fail(err)
		return nil, err
	}
	return io.ReadAll(response.Body)
}

// digest keeps a processor busy: some tenths of a microsecond a round.
func digest(rounds int, of []byte) []byte {
	sum := sha256.Sum256(of)
	for range rounds {
		sum = sha256.Sum256(sum[:])
	}
	return sum[:]
}

// pause is false once ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
