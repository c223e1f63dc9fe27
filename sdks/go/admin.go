package msgbus

import (
	"context"
	"errors"
	"io"

	"msgbus.test/go/pb/msgbusv2"
)

type (
	// LogInfo is one log with its sizes.
	LogInfo = msgbusv2.LogInfo
	// QueueInfo is one queue with its depth.
	QueueInfo = msgbusv2.QueueInfo
	// ClientInfo is one connected client, of any protocol.
	ClientInfo = msgbusv2.ClientInfo
	// DaemonStatus is what a daemon is and how it is doing.
	DaemonStatus = msgbusv2.GetStatusResponse
)

// ListLogs returns the logs whose topic matches a filter, all with "", with their sizes.
func (c *Client) ListLogs(ctx context.Context, filter string) ([]*LogInfo, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.bus.ListLogs(ctx, &msgbusv2.ListLogsRequest{Filter: filter})
	if err != nil {
		return nil, fromGRPC(err, nil)
	}
	var logs []*LogInfo
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return logs, nil
		}
		if err != nil {
			return nil, needsV2(endOf(err, stream), "lists of logs; use ListHeads")
		}
		logs = append(logs, response.GetLogs()...)
	}
}

// ListClients returns who is connected and has a name that matches a mask as of [Client.Broadcast]; all with "".
func (c *Client) ListClients(ctx context.Context, mask string) ([]*ClientInfo, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.clients.ListClients(ctx, &msgbusv2.ListClientsRequest{Mask: mask})
	if err != nil {
		return nil, fromGRPC(err, nil)
	}
	var clients []*ClientInfo
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return clients, nil
		}
		if err != nil {
			return nil, needsV2(endOf(err, stream), "lists of clients")
		}
		clients = append(clients, response.GetClients()...)
	}
}

// ListQueues returns every queue, by name.
func (c *Client) ListQueues(ctx context.Context) ([]*QueueInfo, error) {
	response, err := unary(ctx, c.queues.ListQueues, &msgbusv2.ListQueuesRequest{})
	return response.GetQueues(), needsV2(err, "lists of queues")
}

// PurgeQueue removes what nobody has leased, and returns how many messages that were.
func (c *Client) PurgeQueue(ctx context.Context, queue string) (uint64, error) {
	response, err := unary(ctx, c.queues.PurgeQueue, &msgbusv2.PurgeQueueRequest{Queue: queue})
	return response.GetRemoved(), needsV2(err, "purging queues")
}

// Status returns what the daemon is and how it is doing.
func (c *Client) Status(ctx context.Context) (*DaemonStatus, error) {
	response, err := unary(ctx, c.admin.GetStatus, &msgbusv2.GetStatusRequest{})
	return response, needsV2(err, "its status")
}
