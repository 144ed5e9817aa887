package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"fixtures/ground"
	"fixtures/recorder"
)

// selectTimeout waits for an answer that does not come, within a context whose parent has a deadline.
func selectTimeout(g *ground.Ground) {
	w := g.Begin(context.Background(), "idiom.SelectTimeout").Alone()
	parent, cancelParent := context.WithTimeout(w.Ctx, 8*ms)
	ctx, cancel := context.WithCancel(parent)
	never := make(chan int)
	w.In("sleep", func() {
		select {
		case <-never:
		case <-ctx.Done():
		}
	})
	cancel()
	cancelParent()
	w.End()
	w.Path("sleep", "schedWait")
	w.Path("chan")
}

// retries tries again and again, after pauses that grow.
func retries(g *ground.Ground) {
	w := g.Begin(context.Background(), "idiom.Retries").Alone()
	for _, pause := range []time.Duration{ms, 2 * ms, 4 * ms} {
		ground.Busy(ms / 2)
		// To arm a timer may wake a thread that waits for the next one.
		over := time.After(pause)
		w.In("sleep", func() { <-over })
	}
	w.End()
	w.Path("sleep", "schedWait")
	w.Path("exec", "schedWait")
	w.Path("chan")
}

// tokens waits for two tokens of a bucket that a ticker's goroutine fills.
func tokens(g *ground.Ground) {
	bucket, stop := make(chan struct{}), make(chan struct{})
	go func() {
		ticker := time.NewTicker(5 * ms)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			select {
			case bucket <- struct{}{}:
			default:
			}
		}
	}()
	time.Sleep(ms)
	w := g.Begin(context.Background(), "idiom.Tokens").Alone()
	w.In("sleep", func() {
		<-bucket
		<-bucket
	})
	w.End()
	w.Within("sleep")
	w.Path("chan")
	close(stop)
}

// clientTimeout asks a server that does not answer in time.
func clientTimeout(g *ground.Ground) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	w := g.Begin(context.Background(), "idiom.ClientTimeout")
	ctx, cancel := context.WithTimeout(w.Ctx, 10*ms)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	recorder.Check(err)
	w.In("sleep", func() {
		if _, err := server.Client().Do(request); !errors.Is(err, context.DeadlineExceeded) {
			recorder.Check(errors.New("it was answered"))
		}
	})
	cancel()
	w.End()
	// The connection is dialled, and handed over under a lock.
	w.Within("sleep", "network", "syscall", "chan", "lock")
	w.PathAtLeast(8*ms, "sleep")
}

// connections is a driver whose connections do nothing.
type connections struct{}

func (connections) Open(string) (driver.Conn, error)    { return connections{}, nil }
func (connections) Prepare(string) (driver.Stmt, error) { return nil, errors.New("no statements") }
func (connections) Close() error                        { return nil }
func (connections) Begin() (driver.Tx, error)           { return nil, errors.New("no transactions") }

var registered sync.Once

// poolTimeout waits for a connection of database/sql until its deadline passes.
func poolTimeout(g *ground.Ground) {
	registered.Do(func() { sql.Register("idioms", connections{}) })
	db, err := sql.Open("idioms", "")
	recorder.Check(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	taken, err := db.Conn(context.Background())
	recorder.Check(err)
	defer taken.Close()
	w := g.Begin(context.Background(), "idiom.PoolTimeout").Alone()
	ctx, cancel := context.WithTimeout(w.Ctx, 8*ms)
	w.In("sleep", func() {
		if _, err := db.Conn(ctx); !errors.Is(err, context.DeadlineExceeded) {
			recorder.Check(errors.New("there was a connection"))
		}
	})
	cancel()
	w.End()
	w.Path("sleep", "schedWait")
	w.Path("chan")
}

// names answers look-ups, each after a while: with an address of version 4, with none of version 6.
func names(after time.Duration) (address string, close func()) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	recorder.Check(err)
	go func() {
		var asked [512]byte
		for {
			n, from, err := server.ReadFrom(asked[:])
			if err != nil {
				return
			}
			question := append([]byte(nil), asked[:n]...)
			go func() {
				time.Sleep(after)
				server.WriteTo(answerTo(question), from)
			}()
		}
	}()
	return server.LocalAddr().String(), func() { server.Close() }
}

// answerTo is the answer to one question of DNS.
func answerTo(question []byte) []byte {
	end := 12
	for question[end] != 0 {
		end += 1 + int(question[end])
	}
	end += 5
	answer := append([]byte(nil), question[:end]...)
	answer[2], answer[3] = 0x81, 0x80
	binary.BigEndian.PutUint16(answer[8:], 0)
	binary.BigEndian.PutUint16(answer[10:], 0)
	if binary.BigEndian.Uint16(question[end-4:]) != 1 {
		return answer
	}
	binary.BigEndian.PutUint16(answer[6:], 1)
	return append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1)
}

// lookUp asks for the address of a name, and another task asks for the same a little later: the resolver asks once for both.
func lookUp(g *ground.Ground) {
	address, close := names(8 * ms)
	defer close()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", address)
	}}
	ask := func(w *ground.Work, ready func()) {
		ready()
		w.In("network", func() {
			_, err := resolver.LookupHost(w.Ctx, "orders.example.")
			recorder.Check(err)
		})
		w.End()
		w.Within("network", "syscall")
		w.PathAtLeast(6*ms-ms/2, "network")
		w.Path("sleep")
		w.Path("chan")
	}
	first := g.Begun("idiom.LookUp", ask)
	time.Sleep(2 * ms)
	second := g.Begun("idiom.LookUp.same", ask)
	<-first
	<-second
}

// datagram asks over UDP.
func datagram(g *ground.Ground) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	recorder.Check(err)
	defer server.Close()
	go func() {
		var asked [16]byte
		for {
			n, from, err := server.ReadFrom(asked[:])
			if err != nil {
				return
			}
			time.Sleep(6 * ms)
			server.WriteTo(asked[:n], from)
		}
	}()
	client, err := net.Dial("udp", server.LocalAddr().String())
	recorder.Check(err)
	defer client.Close()
	w := g.Begin(context.Background(), "idiom.Datagram").Alone()
	var answer [16]byte
	client.Write([]byte("ask"))
	w.In("network", func() { client.Read(answer[:]) })
	w.End()
	w.Path("network", "schedWait")
	w.Path("sleep")
}

// slowBody is a server that reads a body which comes slowly.
func slowBody(g *ground.Ground) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		w := g.Begin(context.Background(), "idiom.SlowBody.server").Alone()
		w.In("network", func() { io.Copy(io.Discard, request.Body) })
		w.End()
		w.Within("network", "syscall")
		w.Path("sleep")
	}))
	defer server.Close()
	body, writer := io.Pipe()
	go func() {
		for i := 0; i < 4; i++ {
			time.Sleep(3 * ms)
			writer.Write([]byte("part of it\n"))
		}
		writer.Close()
	}()
	response, err := server.Client().Post(server.URL, "text/plain", body)
	recorder.Check(err)
	response.Body.Close()
	server.Client().CloseIdleConnections()
}

// answersIn names the variable by which this program is told to answer each line that it reads after a while, for otherProcess.
const answersIn = "IDIOMS_ANSWER_IN"

// answer serves one connection after the other.
func answer() {
	after, err := time.ParseDuration(os.Getenv(answersIn))
	recorder.Check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	recorder.Check(err)
	io.WriteString(os.Stdout, listener.Addr().String()+"\n")
	connection, err := listener.Accept()
	recorder.Check(err)
	for lines := bufio.NewScanner(connection); lines.Scan(); {
		time.Sleep(after)
		io.WriteString(connection, "answer\n")
	}
}

// otherProcess asks a server in another process: nobody here is to blame.
func otherProcess(g *ground.Ground) {
	program, err := os.Executable()
	recorder.Check(err)
	server := exec.Command(program)
	server.Env = append(os.Environ(), answersIn+"=12ms")
	output, err := server.StdoutPipe()
	recorder.Check(err)
	recorder.Check(server.Start())
	address, err := bufio.NewReader(output).ReadString('\n')
	recorder.Check(err)
	connection, err := net.Dial("tcp", address[:len(address)-1])
	recorder.Check(err)
	answers := bufio.NewReader(connection)
	w := g.Begin(context.Background(), "idiom.OtherProcess").Alone()
	io.WriteString(connection, "ask\n")
	w.In("network", func() {
		_, err = answers.ReadString('\n')
		recorder.Check(err)
	})
	w.End()
	w.Path("network", "schedWait")
	w.PathAtLeast(12*ms-ms/2, "network")
	w.Path("sleep")
	connection.Close()
	recorder.Check(server.Wait())
}

// systemCallOnOneProcessor is in a system call while another task has the only processor.
func systemCallOnOneProcessor(g *ground.Ground) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	runner := g.Begun("idiom.HandedOff.runner", func(w *ground.Work, ready func()) {
		ready()
		time.Sleep(ms)
		ground.Busy(6 * ms)
		w.End()
	})
	w := g.Begin(context.Background(), "idiom.HandedOff").Alone()
	w.In("syscall", func() { ground.Nanosleep(14 * ms) })
	w.End()
	w.Within("syscall")
	w.PathAtLeast(14*ms, "syscall")
	<-runner
}

// fileLock waits for the system's lock on a file, which another task has: no event tells that.
func fileLock(g *ground.Ground) {
	file, err := os.CreateTemp("", "idiom")
	recorder.Check(err)
	defer os.Remove(file.Name())
	defer file.Close()
	again, err := os.Open(file.Name())
	recorder.Check(err)
	defer again.Close()
	lock := func(f *os.File, how int) { syscall.Flock(int(f.Fd()), how) }
	lock(file, syscall.LOCK_EX)
	first := g.Begun("idiom.FileLock.first", func(w *ground.Work, ready func()) {
		ready()
		w.In("sleep", func() { time.Sleep(9 * ms) })
		lock(file, syscall.LOCK_UN)
		w.End()
		w.Within("sleep", "syscall")
	})
	w := g.Begin(context.Background(), "idiom.FileLock").Alone()
	w.In("syscall", func() { lock(again, syscall.LOCK_EX) })
	w.End()
	w.Within("syscall")
	w.Path("lock")
	<-first
}
