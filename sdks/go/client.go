package msgbus

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"msgbus.test/go/pb/msgbusv1"
	"msgbus.test/go/pb/msgbusv2"
)

// DefaultReplayLimit is the page size of SubscribeOptions that name none.
const DefaultReplayLimit = 100

// maxResponseBytes is above what daemons take by default, since an operator may allow larger messages.
const maxResponseBytes = 256 << 20

// The types of the contract, under the names of the reference SDK.
type (
	// NodeID names a daemon: tenant, business logic and device.
	NodeID = msgbusv1.NodeId
	// Message is a stored message.
	Message = msgbusv1.MessageEnvelope
	// FifoMessage is a message in a queue.
	FifoMessage = msgbusv1.FifoMessage
	// TopicHead is the last head id of one log.
	TopicHead = msgbusv1.TopicHead
	// PeerSyncState is how far synchronisation with a peer has come.
	PeerSyncState = msgbusv1.PeerSyncState
	// ReadyResponse says whether the daemon can store and read.
	ReadyResponse = msgbusv1.ReadyResponse
	// SubscribeStream is the raw stream of one subscription: it ends with its connection.
	SubscribeStream = grpc.ServerStreamingClient[msgbusv1.SubscribeResponse]
)

// Client speaks with one daemon over one connection, which mends itself.
type Client struct {
	conn          *grpc.ClientConn
	defaultOrigin *NodeID
	v1            msgbusv1.MsgbusServiceClient
	bus           msgbusv2.BusServiceClient
	clients       msgbusv2.ClientServiceClient
	queues        msgbusv2.QueueServiceClient
	admin         msgbusv2.AdminServiceClient
	// closed ends what has goroutines; they are counted in running.
	closed  context.Context
	close   context.CancelFunc
	running sync.WaitGroup
}

// Dial connects and waits until the connection stands or ctx ends. The target is "host:port", a URL "http://host:port"
// or "https://host:port" (TLS with the authorities of the system), or "unix:/path".
//
// Options are added to the defaults: plaintext unless the target says https or the options bring
// credentials, and responses of up to 256 MiB.
func Dial(ctx context.Context, target string, opts ...grpc.DialOption) (*Client, error) {
	if ctx == nil {
		return nil, errors.New("msgbus: Dial needs a context")
	}
	client, err := DialLazy(target, opts...)
	if err != nil {
		return nil, err
	}
	client.conn.Connect()
	for state := client.conn.GetState(); state != connectivity.Ready; state = client.conn.GetState() {
		if state == connectivity.Idle {
			client.conn.Connect()
		}
		if !client.conn.WaitForStateChange(ctx, state) {
			_ = client.Close()
			return nil, &Error{
				Code:    codes.Unavailable,
				Reason:  "connection_lost",
				Message: "no connection to " + target + " in time: start msgbusd, or name the address it printed at its start",
				cause:   ctx.Err(),
			}
		}
	}
	return client, nil
}

// DialLazy is Dial without waiting: the first call makes the connection.
func DialLazy(target string, opts ...grpc.DialOption) (*Client, error) {
	address, transport, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	defaults := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponseBytes)),
		// How often to try again is decided by what tries, so the channel itself does not hold it up.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// Finds out that the other side is gone without a word.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	}
	conn, err := grpc.NewClient(address, append(defaults, opts...)...)
	if err != nil {
		return nil, err
	}
	closed, cancel := context.WithCancel(context.Background())
	return &Client{
		conn:    conn,
		v1:      msgbusv1.NewMsgbusServiceClient(conn),
		bus:     msgbusv2.NewBusServiceClient(conn),
		clients: msgbusv2.NewClientServiceClient(conn),
		queues:  msgbusv2.NewQueueServiceClient(conn),
		admin:   msgbusv2.NewAdminServiceClient(conn),
		closed:  closed,
		close:   cancel,
	}, nil
}

func parseTarget(target string) (string, credentials.TransportCredentials, error) {
	scheme, rest, found := strings.Cut(target, "://")
	if !found || (scheme != "http" && scheme != "https") {
		return target, insecure.NewCredentials(), nil
	}
	parsed, err := url.Parse(target)
	if err != nil || parsed.Host == "" || strings.TrimSuffix(rest, "/") != parsed.Host {
		return "", nil, newError(codes.InvalidArgument, "bad_argument", "bad address "+target+": expected "+scheme+"://host:port")
	}
	host := parsed.Host
	if parsed.Port() == "" {
		host += ":50051"
	}
	if scheme == "http" {
		return host, insecure.NewCredentials(), nil
	}
	return host, credentials.NewTLS(nil), nil
}

// Close ends everything at once: subscriptions, publishers and registrations end, calls fail. Close publishers before:
// they flush. Close waits for their goroutines. It may be called twice, and on nil.
func (c *Client) Close() error {
	if c == nil {
		return nil
	}
	c.close()
	err := c.conn.Close()
	c.running.Wait()
	if err != nil && c.conn.GetState() == connectivity.Shutdown {
		// It was closed before.
		return nil
	}
	return err
}

// WithDefaultOrigin sets the origin of calls that name none, on this client, and returns it. Set it before the
// client is shared.
func (c *Client) WithDefaultOrigin(origin *NodeID) *Client {
	c.defaultOrigin = origin
	return c
}

func (c *Client) origin(origin *NodeID) *NodeID {
	if origin == nil {
		return c.defaultOrigin
	}
	return origin
}

// start runs work in a goroutine that Close waits for.
func (c *Client) start(work func()) {
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		work()
	}()
}

// unary makes one call and turns its failure into an *Error.
func unary[Q, R any](
	ctx context.Context,
	call func(context.Context, *Q, ...grpc.CallOption) (*R, error),
	request *Q,
) (*R, error) {
	var trailer metadata.MD
	response, err := call(ctx, request, grpc.Trailer(&trailer))
	if err != nil {
		return nil, fromGRPC(err, trailer)
	}
	return response, nil
}

// withoutMessage is the failure of an answer that lacks what it is about.
func withoutMessage() error {
	return newError(codes.Internal, "undecodable", "the daemon sent an answer without its message")
}
