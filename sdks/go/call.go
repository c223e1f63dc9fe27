package msgbus

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"msgbus.test/go/pb/msgbusv2"
)

// CallResult is what a procedure answers.
type CallResult struct {
	Payload []byte
	Headers map[string]string
}

// Call calls a procedure, whoever serves it and by whatever protocol, and waits for its answer. The deadline of ctx and its
// cancelling reach the callee. Nothing is repeated: after UNAVAILABLE it may have run or not.
//
// An error of the application is a *CallError. UNIMPLEMENTED (no_such_procedure) when nobody has registered it.
func (c *Client) Call(ctx context.Context, procedure string, payload []byte) (*CallResult, error) {
	return c.CallWithHeaders(ctx, procedure, payload, nil)
}

// CallWithHeaders is Call with headers.
func (c *Client) CallWithHeaders(ctx context.Context, procedure string, payload []byte, headers map[string]string) (*CallResult, error) {
	request := &msgbusv2.CallRequest{Procedure: procedure, Payload: payload, Headers: headers}
	response, err := unary(ctx, c.clients.Call, request)
	if err != nil {
		return nil, needsV2(err, "procedures")
	}
	switch outcome := response.GetOutcome().(type) {
	case *msgbusv2.CallResponse_Result:
		return &CallResult{Payload: outcome.Result.GetPayload(), Headers: outcome.Result.GetHeaders()}, nil
	case *msgbusv2.CallResponse_Failure:
		failure := outcome.Failure
		return nil, &CallError{
			Name:    failure.GetName(),
			Message: failure.GetMessage(),
			Payload: failure.GetPayload(),
			Headers: failure.GetHeaders(),
		}
	}
	return nil, newError(codes.Internal, "undecodable", "the call of "+procedure+" ended in no way")
}

// IncomingCall is a call as the procedure sees it.
type IncomingCall struct {
	Procedure string
	Payload   []byte
	Headers   map[string]string
	// Caller is its name; empty when it has none.
	Caller string
}

// CallHandler answers a call; many run at the same time. Its context ends when nobody waits for the answer any more. What it
// returns as error reaches the caller: a *CallError as it is, an error with a gRPC status by its code, any other one as
// INTERNAL with its text. A nil result without error is an empty answer.
type CallHandler func(ctx context.Context, call *IncomingCall) (*CallResult, error)

// Registration is a procedure that this program serves. It is registered again when the connection breaks; calls under way
// then fail for their callers, and their contexts end here.
type Registration struct {
	client    *Client
	procedure string
	handler   CallHandler
	ctx       context.Context
	cancel    context.CancelCauseFunc
	ended     chan struct{}

	mu      sync.Mutex
	stream  *registerStream
	closing bool
}

// Register serves a procedure, and returns when it is registered. ALREADY_EXISTS (procedure_taken) when somebody else has it.
// The registration ends with Close or with the client; ctx is only about registering.
func (c *Client) Register(ctx context.Context, procedure string, handler CallHandler) (*Registration, error) {
	own, cancel := context.WithCancelCause(c.closed)
	r := &Registration{
		client:    c,
		procedure: procedure,
		handler:   handler,
		ctx:       own,
		cancel:    cancel,
		ended:     make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() { cancel(ctx.Err()) })
	stream, err := r.open()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		cancel(err)
		return nil, needsV2(err, "procedures")
	}
	c.start(func() {
		defer close(r.ended)
		r.run(stream)
	})
	return r, nil
}

// Close takes no more calls, lets those under way be answered, and returns when they are, or when ctx ends: then they are
// given up. It may be called twice.
func (r *Registration) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closing = true
	stream := r.stream
	r.mu.Unlock()
	if stream == nil {
		r.cancel(context.Canceled)
	} else {
		stream.withdraw()
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		r.cancel(context.Canceled)
		<-r.ended
		return ctx.Err()
	}
}

// Done is closed when the registration is over, for good.
func (r *Registration) Done() <-chan struct{} { return r.ended }

// Err is why it is over; nil before, and after Close.
func (r *Registration) Err() error {
	if err := context.Cause(r.ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// open returns when the procedure is registered.
func (r *Registration) open() (*registerStream, error) {
	ctx, cancel := context.WithCancel(r.ctx)
	stream, err := r.client.clients.Register(ctx)
	if err != nil {
		cancel()
		return nil, fromGRPC(err, nil)
	}
	registration := &msgbusv2.Registration{Procedures: []string{r.procedure}}
	// When it fails, Recv knows why.
	_ = stream.Send(&msgbusv2.RegisterRequest{Registration: registration})
	if _, err := stream.Recv(); err != nil {
		cancel()
		return nil, endOf(err, stream)
	}
	return &registerStream{stream: stream, ctx: ctx, cancel: cancel, running: map[uint64]context.CancelFunc{}}, nil
}

func (r *Registration) run(stream *registerStream) {
	delay := newReconnectDelay(0)
	for {
		r.mu.Lock()
		r.stream = stream
		closing := r.closing
		r.mu.Unlock()
		if closing {
			stream.withdraw()
		}
		err := r.serve(stream)
		r.mu.Lock()
		r.stream = nil
		closing = r.closing
		r.mu.Unlock()
		if closing {
			r.cancel(context.Canceled)
			return
		}
		delay.reset()
		for stream = nil; stream == nil; stream, err = r.open() {
			// A procedure that is taken is most often held by our own old stream.
			if !isRetryable(r.ctx, err) && !hasReason(err, "procedure_taken") {
				r.cancel(err)
				return
			}
			if delay.wait(r.ctx) != nil {
				return
			}
		}
	}
}

// serve returns with the error that ended the stream, when all its handlers have ended.
func (r *Registration) serve(s *registerStream) error {
	defer s.handlers.Wait()
	defer s.cancel()
	for {
		response, err := s.stream.Recv()
		if err != nil {
			return endOf(err, s.stream)
		}
		for _, invocation := range response.GetInvocations() {
			s.begin(invocation, r.handler)
		}
		for _, cancellation := range response.GetCancellations() {
			s.forget(cancellation.GetId())
		}
	}
}

// registerStream is the calls of one stream, and the way of their answers.
type registerStream struct {
	stream   grpc.BidiStreamingClient[msgbusv2.RegisterRequest, msgbusv2.RegisterResponse]
	ctx      context.Context
	cancel   context.CancelFunc
	handlers sync.WaitGroup

	mu      sync.Mutex
	running map[uint64]context.CancelFunc
	// sending: a stream takes one message at a time.
	sending sync.Mutex
}

func (s *registerStream) begin(invocation *msgbusv2.Invocation, handler CallHandler) {
	ctx, cancel := context.WithCancel(s.ctx)
	id := invocation.GetId()
	s.mu.Lock()
	s.running[id] = cancel
	s.mu.Unlock()
	call := &IncomingCall{
		Procedure: invocation.GetProcedure(),
		Payload:   invocation.GetPayload(),
		Headers:   invocation.GetHeaders(),
		Caller:    invocation.GetCaller(),
	}
	s.handlers.Add(1)
	go func() {
		defer s.handlers.Done()
		answer := toAnswer(handler(ctx, call))
		answer.Id = id
		if s.forget(id) {
			s.send(&msgbusv2.RegisterRequest{Answers: []*msgbusv2.CallAnswer{answer}})
		}
	}()
}

// forget ends the context of a call; false when nobody waits for its answer any more.
func (s *registerStream) forget(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	cancel, found := s.running[id]
	if found {
		delete(s.running, id)
		cancel()
	}
	return found
}

func (s *registerStream) withdraw() {
	s.send(&msgbusv2.RegisterRequest{Withdraw: true})
}

// send does nothing on a stream that has ended, whose end Recv sees.
func (s *registerStream) send(request *msgbusv2.RegisterRequest) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.stream.Send(request)
}

func toAnswer(result *CallResult, err error) *msgbusv2.CallAnswer {
	var failure *CallError
	switch {
	case err == nil && result == nil:
		return &msgbusv2.CallAnswer{Outcome: &msgbusv2.CallAnswer_Result{Result: &msgbusv2.CallResult{}}}
	case err == nil:
		wire := &msgbusv2.CallResult{Payload: result.Payload, Headers: result.Headers}
		return &msgbusv2.CallAnswer{Outcome: &msgbusv2.CallAnswer_Result{Result: wire}}
	case errors.As(err, &failure):
		wire := &msgbusv2.CallFailure{
			Name: failure.Name, Message: failure.Message, Payload: failure.Payload, Headers: failure.Headers,
		}
		return &msgbusv2.CallAnswer{Outcome: &msgbusv2.CallAnswer_Failure{Failure: wire}}
	}
	refusal := &msgbusv2.Refusal{Code: uint32(codes.Internal), Reason: "application_error", Message: err.Error()}
	var known *Error
	if errors.As(err, &known) {
		refusal = &msgbusv2.Refusal{Code: uint32(known.Code), Reason: known.Reason, Message: known.Message}
	} else if s, ok := status.FromError(err); ok {
		refusal = &msgbusv2.Refusal{Code: uint32(s.Code()), Reason: usualReasons[s.Code()], Message: s.Message()}
	}
	return &msgbusv2.CallAnswer{Outcome: &msgbusv2.CallAnswer_Refusal{Refusal: refusal}}
}
