package msgbus

import (
	"context"

	"msgbus.test/go/pb/msgbusv1"
)

// EnqueueFIFO adds a message at the end of a queue. The topic is kept with it and has no effect, as is the
// target, which must not be nil; its parts may be empty.
func (c *Client) EnqueueFIFO(ctx context.Context, queue, topic string, target *NodeID, payload []byte) (*FifoMessage, error) {
	return c.EnqueueFIFOWithHeaders(ctx, queue, topic, target, payload, nil)
}

// EnqueueFIFOWithHeaders is EnqueueFIFO with headers.
func (c *Client) EnqueueFIFOWithHeaders(
	ctx context.Context, queue, topic string, target *NodeID, payload []byte, headers map[string]string,
) (*FifoMessage, error) {
	response, err := unary(ctx, c.v1.EnqueueFifo, &msgbusv1.EnqueueFifoRequest{
		Queue:   queue,
		Topic:   topic,
		Source:  c.defaultOrigin,
		Target:  target,
		Payload: payload,
		Headers: headers,
	})
	return fifoMessage(response.GetMessage(), err)
}

// PeekFIFO returns the front message of a queue, which stays there; NOT_FOUND when there is none. Programs that share
// a queue use [Client.Consume].
func (c *Client) PeekFIFO(ctx context.Context, queue string) (*FifoMessage, error) {
	response, err := unary(ctx, c.v1.PeekFifo, &msgbusv1.PeekFifoRequest{Queue: queue})
	return fifoMessage(response.GetMessage(), err)
}

// AckFIFO removes the front message if it has this id; false in every other case.
func (c *Client) AckFIFO(ctx context.Context, queue, messageID string) (bool, error) {
	request := &msgbusv1.AckFifoRequest{Queue: queue, MessageId: messageID}
	response, err := unary(ctx, c.v1.AckFifo, request)
	return response.GetAccepted(), err
}

// RejectFIFO counts an attempt on the front message if it has this id; false in every other case.
func (c *Client) RejectFIFO(ctx context.Context, queue, messageID string) (bool, error) {
	request := &msgbusv1.RejectFifoRequest{Queue: queue, MessageId: messageID}
	response, err := unary(ctx, c.v1.RejectFifo, request)
	return response.GetAccepted(), err
}

func fifoMessage(message *FifoMessage, err error) (*FifoMessage, error) {
	if err == nil && message == nil {
		err = withoutMessage()
	}
	return message, err
}
