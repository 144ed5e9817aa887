//go:build goreader

// This file is put into the copy of Go's reader, beside its Summarizer (see with-go-reader.sh).

package trace

// Snapshot is the record of a goroutine up to now, for differences over any stretch; false for an unknown goroutine.
func (s *Summarizer) Snapshot(id GoID) (GoroutineExecStats, bool) {
	g := s.gs[id]
	if g == nil {
		return GoroutineExecStats{}, false
	}
	return g.snapshotStat(s.lastTs), true
}

// Since is the record's growth from before to s.
func (s GoroutineExecStats) Since(before GoroutineExecStats) GoroutineExecStats { return s.sub(before) }
