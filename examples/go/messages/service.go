package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime/trace"
	"strconv"
	"strings"
	"time"
)

// service answers GET /messages.
type service struct {
	tracing  tracing
	auth     *auth
	cache    *cache
	database *database
	audit    *os.File
}

func (s *service) messages(w http.ResponseWriter, r *http.Request) {
	ctx, span := s.tracing.server(r, "/messages")
	defer span.end()
	span.text("http.request.method", r.Method)
	span.text("http.route", "/messages")
	user, err := strconv.Atoi(r.URL.Query().Get("user"))
	if err != nil {
		span.number("http.response.status_code", http.StatusBadRequest)
		http.Error(w, "user is no number", http.StatusBadRequest)
		return
	}
	s.auth.accessToken(ctx)
	rows, hit := s.cache.lookup(ctx, user)
	if !hit {
		if rows, err = s.database.query(ctx, user); err != nil {
			span.fail(err)
			span.number("http.response.status_code", http.StatusBadGateway)
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		s.cache.keep(user, rows)
	}
	span.number("http.response.status_code", http.StatusOK)
	trace.WithRegion(ctx, "response.encode", func() {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(rows)
	})
	s.note(ctx, user, len(rows))
}

// note writes a line into the audit log and waits until it is on the disk: a system call that blocks.
func (s *service) note(ctx context.Context, user, rows int) {
	ctx, span := s.tracing.internal(ctx, "audit.Append")
	defer span.end()
	trace.WithRegion(ctx, "file.write", func() {
		fmt.Fprintf(s.audit, "%s user=%d rows=%d %s\n", time.Now().Format(time.RFC3339Nano), user, rows, strings.Repeat(".", 400))
	})
	var err error
	trace.WithRegion(ctx, "file.sync", func() { err = s.audit.Sync() })
	if err != nil {
		span.fail(err)
	}
}

func newService(tracing tracing, identity, databaseAddress string, queriesPerConnection int) (*service, error) {
	audit, err := os.CreateTemp("", "messages-audit-*.log")
	if err != nil {
		return nil, err
	}
	return &service{
		tracing:  tracing,
		auth:     newAuth(tracing, identity),
		cache:    newCache(tracing),
		database: &database{tracing, &pool{address: databaseAddress, queries: queriesPerConnection}},
		audit:    audit,
	}, nil
}
