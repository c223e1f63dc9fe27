package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// The example is a program that works, to its end.
func TestWorkshop(t *testing.T) {
	suite := os.Getenv("MSGBUS_SUITE")
	if suite == "" {
		t.Skip("no sdk-suite: run the tests with `npm run sdk -- go`")
	}
	control, err := net.Dial("tcp", suite)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	fmt.Fprintln(control, "daemon --storage memory")
	line, err := bufio.NewReader(control).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var daemon struct{ Address string }
	if err := json.Unmarshal(line, &daemon); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text := printed(t, func() error { return run(ctx, daemon.Address) })
	chairs, tables := strings.Count(text, "made a chair for 40"), strings.Count(text, "made a table for 120")
	if chairs != 3 || tables != 3 || !strings.Contains(text, "no price of a sofa: workshop.unknown_piece") {
		t.Fatal(text)
	}
}

// printed is what work writes to standard output.
func printed(t *testing.T, work func() error) string {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	standard := os.Stdout
	os.Stdout = writer
	err = work()
	os.Stdout = standard
	_ = writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
