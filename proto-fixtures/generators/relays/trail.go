package main

import (
	"time"

	"fixtures/ground"
)

// trail is what one goroutine did, by the program's clock: where several work for a task at once, the path leads over one trail and then over another.
type trail struct {
	parts []part
	ended time.Time
}

// part begins a stretch that is spent with a state.
type part struct {
	state string
	from  time.Time
}

func begun(state string) *trail { return &trail{parts: []part{{state, time.Now()}}} }

func (t *trail) to(state string) { t.parts = append(t.parts, part{state, time.Now()}) }

// in does something that is spent with a state, and goes on with the one before.
func (t *trail) in(state string, do func()) {
	before := t.parts[len(t.parts)-1].state
	t.to(state)
	do()
	t.to(before)
}

func (t *trail) done() *trail { t.ended = time.Now(); return t }

// follow says that the last part, which is over now, was a wait that another trail ended: it is what that one did meanwhile.
func (t *trail) follow(other *trail) {
	since := t.parts[len(t.parts)-1].from
	if other.ended.After(since) {
		t.parts = t.parts[:len(t.parts)-1]
		for i, one := range other.parts {
			to := other.ended
			if i+1 < len(other.parts) {
				to = other.parts[i+1].from
			}
			if one.from.Before(since) {
				one.from = since
			}
			if to.After(since) {
				t.parts = append(t.parts, one)
			}
		}
		t.parts = append(t.parts, part{"schedWait", other.ended})
	}
	t.to("exec")
}

// tell says it of a task.
func (t *trail) tell(w *ground.Work) {
	for _, one := range t.parts {
		w.ToAt(one.state, one.from)
	}
}
