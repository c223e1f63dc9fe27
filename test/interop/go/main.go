// A client of msgbus.v1 that shares nothing with msgbus but the contract: generated Go code on the
// stock gRPC library. It prints one line per step and ends with a message at the first surprise.
//
//	client ADDRESS        runs every step
//	client ADDRESS hold   subscribes, prints `subscribed`, and prints the code the stream ends with
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pb "msgbus.test/interop/msgbusv1"
)

func main() {
	conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client := pb.NewMsgbusServiceClient(conn)
	if len(os.Args) > 2 {
		hold(ctx, client)
		return
	}
	probes(ctx, conn, client)
	logs(ctx, client)
	subscribe(ctx, client)
	remove(ctx, client)
	queues(ctx, client)
	refusals(ctx, client)
}

func probes(ctx context.Context, conn *grpc.ClientConn, client pb.MsgbusServiceClient) {
	health, err := client.Health(ctx, &pb.HealthRequest{})
	check(err)
	expect(health.Status == "SERVING" && health.Node.TenantId == "tenant", health)
	done("health")
	ready, err := client.Ready(ctx, &pb.ReadyRequest{})
	check(err)
	expect(ready.Ready && ready.Status == "READY" && ready.Error == "", ready)
	done("ready")
	for _, service := range []string{"", "msgbus.v1.MsgbusService"} {
		standard, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
		check(err)
		expect(standard.Status == healthpb.HealthCheckResponse_SERVING, standard)
	}
	done("standard health")
}

func logs(ctx context.Context, client pb.MsgbusServiceClient) {
	for i := uint64(1); i <= 3; i++ {
		request := &pb.PublishRequest{
			Topic:   "go/events",
			Payload: []byte{0, 255, byte(i)},
			Headers: map[string]string{"n": fmt.Sprint(i), "": "empty key"},
		}
		answer, err := client.Publish(ctx, request)
		check(err)
		expect(answer.Message.HeadId == i && len(answer.Message.Id) == 36, answer)
	}
	done("publish")
	messages := fetch(ctx, client, "go/events")
	expect(len(messages) == 3, messages)
	for i, message := range messages {
		expect(message.HeadId == uint64(i+1) && message.Payload[2] == byte(i+1), message)
		expect(message.Headers[""] == "empty key" && !message.Deleted, message)
	}
	done("fetch")
	head, err := client.GetHead(ctx, &pb.GetHeadRequest{Topic: "go/events"})
	check(err)
	expect(head.Found && head.HeadId == 3, head)
	unknown, err := client.GetHead(ctx, &pb.GetHeadRequest{Topic: "go/unknown"})
	check(err)
	expect(!unknown.Found && unknown.HeadId == 0, unknown)
	heads, err := client.ListHeads(ctx, &pb.ListHeadsRequest{})
	check(err)
	found := false
	for _, one := range heads.Heads {
		found = found || one.Topic == "go/events" && one.HeadId == 3
	}
	expect(found, heads)
	states, err := client.ListPeerSyncStates(ctx, &pb.ListPeerSyncStatesRequest{})
	check(err)
	expect(len(states.States) == 0, states)
	done("heads")
}

func subscribe(ctx context.Context, client pb.MsgbusServiceClient) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Subscribe(ctx, &pb.SubscribeRequest{Topic: "go/events", FromHeadId: 2})
	check(err)
	for head := uint64(2); head <= 5; head++ {
		if head == 4 {
			for i := 0; i < 2; i++ {
				_, err := client.Publish(ctx, &pb.PublishRequest{Topic: "go/events", Payload: []byte("live")})
				check(err)
			}
		}
		answer, err := stream.Recv()
		check(err)
		expect(answer.Message.HeadId == head, answer)
	}
	done("subscribe")
}

func remove(ctx context.Context, client pb.MsgbusServiceClient) {
	request := &pb.DeleteRangeRequest{Topic: "go/events", FromHeadId: 1, ToHeadId: 2}
	answer, err := client.DeleteRange(ctx, request)
	check(err)
	expect(answer.DeletedCount == 2, answer)
	messages := fetch(ctx, client, "go/events")
	expect(len(messages) == 5 && messages[0].Deleted && messages[1].Deleted && !messages[2].Deleted, messages)
	expect(len(messages[0].Payload) == 0, messages[0])
	done("delete")
}

func queues(ctx context.Context, client pb.MsgbusServiceClient) {
	var ids []string
	for i := uint64(1); i <= 2; i++ {
		request := &pb.EnqueueFifoRequest{Queue: "go", Topic: "t", Target: &pb.NodeId{}, Payload: []byte("x")}
		answer, err := client.EnqueueFifo(ctx, request)
		check(err)
		expect(answer.Message.Sequence == i && answer.Message.Attempts == 0, answer)
		ids = append(ids, answer.Message.Id)
	}
	rejected, err := client.RejectFifo(ctx, &pb.RejectFifoRequest{Queue: "go", MessageId: ids[0]})
	check(err)
	expect(rejected.Accepted, rejected)
	front, err := client.PeekFifo(ctx, &pb.PeekFifoRequest{Queue: "go"})
	check(err)
	expect(front.Message.Id == ids[0] && front.Message.Attempts == 1, front)
	for i, id := range []string{ids[1], ids[0], ids[1]} {
		answer, err := client.AckFifo(ctx, &pb.AckFifoRequest{Queue: "go", MessageId: id})
		check(err)
		expect(answer.Accepted == (i > 0), answer)
	}
	_, err = client.PeekFifo(ctx, &pb.PeekFifoRequest{Queue: "go"})
	refused(err, codes.NotFound, "fifo queue is empty")
	done("fifo")
}

func refusals(ctx context.Context, client pb.MsgbusServiceClient) {
	_, err := client.Publish(ctx, &pb.PublishRequest{Topic: " "})
	refused(err, codes.InvalidArgument, "topic is empty")
	foreign := &pb.NodeId{TenantId: "x", BlName: "y", DeviceId: "z"}
	_, err = client.Publish(ctx, &pb.PublishRequest{Topic: "a", Origin: foreign})
	refused(err, codes.PermissionDenied, "writes must use the local daemon origin")
	stream, err := client.Subscribe(ctx, &pb.SubscribeRequest{Topic: "\x00"})
	check(err)
	_, err = stream.Recv()
	refused(err, codes.InvalidArgument, "topic contains NUL byte")
	done("refusals")
}

// hold ignores that the daemon is going away; it only waits for its stream to end.
func hold(ctx context.Context, client pb.MsgbusServiceClient) {
	_, err := client.Publish(ctx, &pb.PublishRequest{Topic: "go/held"})
	check(err)
	stream, err := client.Subscribe(ctx, &pb.SubscribeRequest{Topic: "go/held"})
	check(err)
	_, err = stream.Recv()
	check(err)
	fmt.Println("subscribed")
	_, err = stream.Recv()
	fmt.Println(status.Code(err))
}

func fetch(ctx context.Context, client pb.MsgbusServiceClient, topic string) []*pb.MessageEnvelope {
	stream, err := client.Fetch(ctx, &pb.FetchRequest{Topic: topic})
	check(err)
	var messages []*pb.MessageEnvelope
	for {
		answer, err := stream.Recv()
		if err != nil {
			expect(err.Error() == "EOF", err)
			return messages
		}
		messages = append(messages, answer.Message)
	}
}

func done(step string) { fmt.Println("ok", step) }

func refused(err error, code codes.Code, text string) {
	expect(status.Code(err) == code && status.Convert(err).Message() == text, err)
}

func check(err error) { expect(err == nil, err) }

func expect(holds bool, found any) {
	if !holds {
		panic(fmt.Sprintf("unexpected: %v", found))
	}
}
