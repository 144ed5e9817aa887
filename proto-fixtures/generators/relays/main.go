// Command relays records tasks of known time whose work goes from one goroutine to the next: halves that are sorted side by side, actors and their
// mailboxes, pools that steal, barriers, pipes and buses within the program, chains, tasks within tasks on workers, streams and events over a connection.
package main

import (
	"time"

	"fixtures/ground"
)

const ms = time.Millisecond

func main() {
	ground.MainOf("relays",
		mergeSort, quorum, barrier, actorsOf("relay.Actors", 0), actorsOf("relay.Mailboxes", 8), stealing, handover, chain,
		ownBus, twoBuses, ownList, pipeToNobody, packedStream, upload,
		childTasks, mail, multiplexed, stream, events)
}

// none says that nothing of these is on the path.
func none(w *ground.Work, states ...string) {
	for _, state := range states {
		w.Path(state)
	}
}
