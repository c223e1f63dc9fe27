package msgbus

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"msgbus.test/go/pb/msgbusv2"
)

// Unsupported is the reason of what the daemon does not offer, most often because it only speaks msgbus.v1.
const Unsupported = "unsupported"

// reasonKey is the trailer in which daemons name the reason of a failure.
const reasonKey = "msgbus-reason"

// Error is a failure that the daemon, or the way to it, answered with.
type Error struct {
	// Code is what programs branch on.
	Code codes.Code
	// Reason is a stable word, such as "reserved_topic"; docs/reference/errors.md lists them.
	Reason string
	// Message is for people.
	Message string
	cause   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("msgbus: %s (%s): %s", e.Code, e.Reason, e.Message)
}

// Unwrap gives the error of the transport, if there was one.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus makes status.Code and status.Convert work.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// Retryable tells whether the same again may work: after UNAVAILABLE, DEADLINE_EXCEEDED, ABORTED and CANCELLED.
func (e *Error) Retryable() bool { return isRetryableCode(e.Code) }

// CallError is an error of an application behind a call, in its own words. Handlers return one, callers get it.
type CallError struct {
	// Name is what programs branch on, such as "com.example.no_such_room".
	Name string
	// Message is for people; empty: the name says it.
	Message string
	Payload []byte
	Headers map[string]string
}

func (e *CallError) Error() string {
	if e.Message == "" {
		return e.Name
	}
	return e.Name + ": " + e.Message
}

// usualReasons stands in when a daemon names no reason, as those that only speak v1 do.
var usualReasons = map[codes.Code]string{
	codes.Canceled:           "cancelled",
	codes.Unknown:            "internal",
	codes.InvalidArgument:    "bad_argument",
	codes.DeadlineExceeded:   "timed_out",
	codes.NotFound:           "not_found",
	codes.AlreadyExists:      "internal",
	codes.PermissionDenied:   "access_denied",
	codes.ResourceExhausted:  "quota_exceeded",
	codes.FailedPrecondition: "internal",
	codes.Aborted:            "cancelled",
	codes.OutOfRange:         "payload_too_large",
	codes.Unimplemented:      Unsupported,
	codes.Internal:           "internal",
	codes.Unavailable:        "connection_lost",
	codes.DataLoss:           "damaged_record",
	codes.Unauthenticated:    "access_denied",
}

func newError(code codes.Code, reason, message string) *Error {
	return &Error{Code: code, Reason: reason, Message: message}
}

// fromGRPC turns what a call failed with into an *Error; nil stays nil.
func fromGRPC(err error, trailer metadata.MD) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	s := status.Convert(err)
	code := s.Code()
	if _, ok := usualReasons[code]; !ok {
		code = codes.Unknown
	}
	reason := ""
	if words := trailer.Get(reasonKey); len(words) > 0 {
		reason = words[0]
	}
	return &Error{Code: code, Reason: reasonOr(code, reason), Message: s.Message(), cause: err}
}

func reasonOr(code codes.Code, reason string) string {
	if reason == "" {
		return usualReasons[code]
	}
	return reason
}

func fromRefusal(r *msgbusv2.Refusal) *Error {
	code := codes.Code(r.GetCode())
	if _, ok := usualReasons[code]; !ok {
		code = codes.Unknown
	}
	return newError(code, reasonOr(code, r.GetReason()), r.GetMessage())
}

func unsupported(what string, cause error) error {
	return &Error{
		Code:    codes.Unimplemented,
		Reason:  Unsupported,
		Message: "the daemon does not offer " + what + "; it speaks msgbus.v1 only",
		cause:   cause,
	}
}

func isRetryableCode(code codes.Code) bool {
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Canceled:
		return true
	}
	return false
}

// isRetryable is false once the caller's own context has ended: then it is the caller who gave up.
func isRetryable(ctx context.Context, err error) bool {
	return ctx.Err() == nil && isRetryableCode(status.Code(err))
}

// isUnimplemented is true when the daemon does not know the call, not when nobody has a procedure.
func isUnimplemented(err error) bool {
	var known *Error
	return errors.As(err, &known) && known.Code == codes.Unimplemented && known.Reason == Unsupported
}

func hasReason(err error, reason string) bool {
	var known *Error
	return errors.As(err, &known) && known.Reason == reason
}
