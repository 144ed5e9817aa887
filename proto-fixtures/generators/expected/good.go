//go:build goreader

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// good names the trace of a capture that shows best why it was slow.
type good struct {
	TraceID  string `json:"traceId"`
	Service  string `json:"service"`
	Instance string `json:"instance"`
}

// writeGood looks for a request whose auth.AccessToken waited mostly for the lock that auth.Refresh held, and which
// then looked into the cache and asked the database over a new connection, helping the garbage collector on the way.
func writeGood(path string, r *reading, tasks []task, j *joined) error {
	children := map[string][]task{}
	refreshing := map[int64][]task{}
	spanOf := map[string]string{}
	byID := map[string]task{}
	for _, t := range tasks {
		byID[t.ID] = t
		if t.ParentID != nil {
			children[*t.ParentID] = append(children[*t.ParentID], t)
		}
		if strings.HasPrefix(t.Name, "auth.Refresh ") && t.StartGoroutine != nil {
			refreshing[*t.StartGoroutine] = append(refreshing[*t.StartGoroutine], t)
		}
	}
	for _, m := range j.matches {
		spanOf[m.TaskID] = m.SpanID
	}
	best, bestScore := match{}, -1.0
	for _, m := range j.matches {
		root := byID[m.TaskID]
		if j.spans[m.SpanID].Name != "/messages" || j.spans[m.SpanID].Parent != "" || root.StartNs == nil || root.EndNs == nil {
			continue
		}
		if score := scoreOf(r, root, children, refreshing, j, spanOf); score > bestScore {
			best, bestScore = m, score
		}
	}
	if bestScore < 0 {
		return errors.New("no request waited for the refresh, then dialled, asked and helped the garbage collector: record again")
	}
	fmt.Fprintf(os.Stderr, "expected: trace %s shows it best: %.0f %% of it waited for the lock\n", best.TraceID, 100*bestScore)
	text, err := marshal(good{best.TraceID, "messages", "messages-0-7d4f"})
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// scoreOf is negative for a request that does not tell the story.
func scoreOf(r *reading, root task, children map[string][]task, refreshing map[int64][]task, j *joined, spanOf map[string]string) float64 {
	score := -1.0
	cache, connected, assisted := false, false, false
	queried := false
	for _, t := range children[root.ID] {
		if t.StartNs == nil || t.EndNs == nil {
			return -1
		}
		switch j.spans[spanOf[t.ID]].Name {
		case "auth.AccessToken":
			score = float64(lockWait(r, t, refreshing)) / float64(*root.EndNs-*root.StartNs)
		case "cache.Lookup":
			cache = true
		case "spanner.Query":
			queried = len(t.Regions) >= 2
			for _, reg := range t.Regions {
				connected = connected || reg.Name == "connection.init"
				assisted = assisted || reg.Breakdown.RangeNs["GC mark assist"] > 0
			}
		}
	}
	if !cache || !queried || !connected || !assisted || score < 0.5 {
		return -1
	}
	return score
}

// lockWait is how long a task waited for a refresh, negative when that was not most of its time.
func lockWait(r *reading, t task, refreshing map[int64][]task) int64 {
	const longEnoughNs = 6_000_000
	duration := *t.EndNs - *t.StartNs
	for _, w := range r.wakes {
		at := int64(w.at - r.origin)
		if int64(w.sleeper) != *t.StartGoroutine || w.waitingReason != "sync" || at < *t.StartNs || at > *t.EndNs || w.waitedNs < longEnoughNs {
			continue
		}
		for _, refresh := range refreshing[int64(w.waker)] {
			if refresh.EndNs != nil && *refresh.StartNs <= at && at <= *refresh.EndNs && 10*w.waitedNs > 8*duration {
				return w.waitedNs
			}
		}
	}
	return -1
}
