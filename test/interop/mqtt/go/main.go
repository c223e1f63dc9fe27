// Runs Paho through what MQTT offers, in one version, against the port given; prints `ok STEP` for each step. The
// clients for 3.1.1 and for 5.0 are two programs by the same people.
package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	paho5 "github.com/eclipse/paho.golang/paho"
	paho3 "github.com/eclipse/paho.mqtt.golang"
)

const patience = 20 * time.Second

type message struct {
	payload  string
	qos      byte
	retained bool
	user     []string
}

// bus is what both clients can do.
type bus struct {
	present   bool
	messages  chan message
	subscribe func(topic string, qos byte)
	publish   func(topic, payload string, qos byte, retain bool)
	end       func()
	// Without a word.
	cut func()
}

var address, version string

func check(ok bool, what string, about ...any) {
	if !ok {
		fmt.Fprintln(os.Stderr, append([]any{what}, about...)...)
		os.Exit(1)
	}
}

func must(err error) { check(err == nil, "failed:", err) }

func open(name string, clean bool, will string) *bus {
	if version == "5" {
		return openFive(name, clean, will)
	}
	return openOld(name, clean, will)
}

func openOld(name string, clean bool, will string) *bus {
	messages := make(chan message, 1000)
	var socket net.Conn
	options := paho3.NewClientOptions().AddBroker("tcp://" + address).SetClientID(name)
	options.SetCleanSession(clean).SetProtocolVersion(4).SetAutoReconnect(false)
	options.SetCustomOpenConnectionFn(func(*url.URL, paho3.ClientOptions) (net.Conn, error) {
		var err error
		socket, err = net.Dial("tcp", address)
		return socket, err
	})
	options.SetDefaultPublishHandler(func(_ paho3.Client, m paho3.Message) {
		messages <- message{string(m.Payload()), m.Qos(), m.Retained(), nil}
	})
	if will != "" {
		options.SetWill("go/will", will, 1, false)
	}
	client := paho3.NewClient(options)
	wait := func(token paho3.Token) {
		check(token.WaitTimeout(patience), "no answer")
		must(token.Error())
	}
	connected := client.Connect()
	wait(connected)
	return &bus{
		present:   connected.(*paho3.ConnectToken).SessionPresent(),
		messages:  messages,
		subscribe: func(topic string, qos byte) { wait(client.Subscribe(topic, qos, nil)) },
		publish: func(topic, payload string, qos byte, retain bool) {
			wait(client.Publish(topic, qos, retain, payload))
		},
		end: func() { client.Disconnect(250) },
		cut: func() { socket.Close() },
	}
}

func openFive(name string, clean bool, will string) *bus {
	messages := make(chan message, 1000)
	socket, err := net.Dial("tcp", address)
	must(err)
	received := func(got paho5.PublishReceived) (bool, error) {
		packet := got.Packet
		user := []string{}
		for _, each := range packet.Properties.User {
			user = append(user, each.Key+"="+each.Value)
		}
		messages <- message{string(packet.Payload), packet.QoS, packet.Retain, user}
		return true, nil
	}
	client := paho5.NewClient(paho5.ClientConfig{
		ClientID:          name,
		PacketTimeout:     patience,
		Conn:              socket,
		OnPublishReceived: []func(paho5.PublishReceived) (bool, error){received},
		OnClientError:     func(error) {},
	})
	expiry := uint32(1000)
	if clean {
		expiry = 0
	}
	connect := &paho5.Connect{
		ClientID:   name,
		KeepAlive:  30,
		CleanStart: clean,
		Properties: &paho5.ConnectProperties{SessionExpiryInterval: &expiry, RequestProblemInfo: true},
	}
	if will != "" {
		connect.WillMessage = &paho5.WillMessage{Topic: "go/will", Payload: []byte(will), QoS: 1}
	}
	within := context.Background()
	answer, err := client.Connect(within, connect)
	must(err)
	return &bus{
		present:  answer.SessionPresent,
		messages: messages,
		subscribe: func(topic string, qos byte) {
			wanted := []paho5.SubscribeOptions{{Topic: topic, QoS: qos}}
			_, err := client.Subscribe(within, &paho5.Subscribe{Subscriptions: wanted})
			must(err)
		},
		publish: func(topic, payload string, qos byte, retain bool) {
			user := paho5.UserProperties{{Key: "b", Value: "1"}, {Key: "a", Value: payload}}
			_, err := client.Publish(within, &paho5.Publish{
				Topic: topic, Payload: []byte(payload), QoS: qos, Retain: retain,
				Properties: &paho5.PublishProperties{User: user},
			})
			must(err)
		},
		end: func() { must(client.Disconnect(&paho5.Disconnect{})) },
		cut: func() { socket.Close() },
	}
}

func (b *bus) next() message {
	select {
	case got := <-b.messages:
		return got
	case <-time.After(patience):
		check(false, "no message came")
		return message{}
	}
}

func (b *bus) gets(payload string) message {
	got := b.next()
	check(got.payload == payload, "got", got, "instead of", payload)
	return got
}

func qos() {
	one, other := open("one", true, ""), open("other", true, "")
	one.subscribe("go/qos/+", 2)
	for level := byte(0); level <= 2; level++ {
		payload := strconv.Itoa(int(level))
		other.publish("go/qos/"+payload, payload, level, false)
		got := one.gets(payload)
		check(got.qos == level, "QoS", got)
		if version == "5" {
			check(fmt.Sprint(got.user) == "[b=1 a="+payload+"]", "user properties", got)
		}
	}
	for i := 0; i < 200; i++ {
		other.publish("go/qos/many", strconv.Itoa(i), byte(1+i%2), false)
	}
	next := [2]int{0, 1}
	for i := 0; i < 200; i++ {
		got := one.next()
		place := &next[got.qos-1]
		check(got.payload == strconv.Itoa(*place), "order", got)
		*place += 2
	}
	one.end()
	other.end()
}

func retained() {
	one, other := open("one", true, ""), open("other", true, "")
	for level := byte(0); level <= 2; level++ {
		other.publish("go/retained", "kept "+strconv.Itoa(int(level)), level, true)
	}
	one.subscribe("go/retained", 2)
	got := one.gets("kept 2")
	check(got.retained && got.qos == 2, "retained", got)
	other.publish("go/retained", "", 1, true)
	one.gets("")
	late := open("late", true, "")
	late.subscribe("go/#", 2)
	other.publish("go/end", "end", 1, false)
	late.gets("end")
	for _, each := range []*bus{one, other, late} {
		each.end()
	}
}

func session() {
	one, other := open("kept", false, ""), open("other", true, "")
	check(!one.present, "a session before it was made")
	one.subscribe("go/session", 2)
	one.end()
	other.publish("go/session", "away 1", 1, false)
	other.publish("go/session", "away 2", 2, false)
	again := open("kept", false, "")
	check(again.present, "no session")
	again.gets("away 1")
	again.gets("away 2")
	again.end()
	clean := open("kept", true, "")
	check(!clean.present, "a session after a clean start")
	clean.end()
	other.end()
}

func will() {
	one := open("one", true, "")
	one.subscribe("go/will", 1)
	open("proper", true, "not sent").end()
	open("lost", true, "gone").cut()
	one.gets("gone")
	one.end()
}

func main() {
	address, version = "127.0.0.1:"+os.Args[1], os.Args[2]
	for _, step := range []struct {
		name string
		run  func()
	}{{"qos", qos}, {"retained", retained}, {"session", session}, {"will", will}} {
		step.run()
		fmt.Println("ok", step.name)
	}
}
