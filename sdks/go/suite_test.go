package msgbus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	msgbus "msgbus.test/go"
)

// suite is one connection to the sdk-suite (sdks/suite/README.md).
type suite struct {
	t       *testing.T
	conn    net.Conn
	answers *bufio.Reader
}

// openSuite skips the test where there is no suite: scripts/sdk.mjs starts it.
func openSuite(t *testing.T) *suite {
	t.Helper()
	address := os.Getenv("MSGBUS_SUITE")
	if address == "" {
		t.Skip("no sdk-suite: run the tests with `npm run sdk -- go`")
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &suite{t, conn, bufio.NewReader(conn)}
}

type suiteAnswer struct {
	ID      int
	Address string
	OK      bool
	Faults  []string
	Error   string
}

func (s *suite) ask(command string) suiteAnswer {
	s.t.Helper()
	answer, err := s.tryAsk(command)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// tryAsk may be called outside the goroutine of the test.
func (s *suite) tryAsk(command string) (answer suiteAnswer, err error) {
	if _, err = fmt.Fprintln(s.conn, command); err != nil {
		return answer, err
	}
	line, err := s.answers.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err == nil && answer.Error != "" {
		err = fmt.Errorf("%s: %s", command, answer.Error)
	}
	return answer, err
}

// startDaemon starts a real daemon, and a client of it.
func startDaemon(t *testing.T) (*msgbus.Client, string) {
	t.Helper()
	address := openSuite(t).ask("daemon --storage memory").Address
	client, err := msgbus.Dial(deadline(t), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client, address
}

// deadline is far above what any test needs: what hangs fails instead of holding up the run.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	bytes, err := os.ReadFile(filepath.Join("..", "..", "vectors", name))
	if err == nil {
		err = json.Unmarshal(bytes, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ownGoroutines are those that run code of this package, besides the caller.
func ownGoroutines() []string {
	buffer := make([]byte, 1<<20)
	all := strings.Split(string(buffer[:runtime.Stack(buffer, true)]), "\n\n")
	var own []string
	for _, stack := range all[1:] {
		if strings.Contains(stack, "msgbus.test/go.") || strings.Contains(stack, "google.golang.org/grpc") {
			own = append(own, stack)
		}
	}
	return own
}
