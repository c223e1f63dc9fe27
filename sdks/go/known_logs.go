package msgbus

import "msgbus.test/go/pb/msgbusv2"

// maxKnownLogs bounds what a subscription remembers; beyond it logs are served, but not remembered.
const maxKnownLogs = 100_000

// knownLog is what a subscription remembers of one log: its names, once for all its messages, and the last message seen,
// so that a start from another place than the exact position repeats nothing.
type knownLog struct {
	topic    string
	origin   *NodeID
	lastHead uint64
	lastID   string
	// skipTo: messages up to this head came before and are left out.
	skipTo uint64
}

type logKey struct{ topic, tenant, bl, device string }

type knownLogs struct{ logs map[logKey]*knownLog }

func newKnownLogs() *knownLogs { return &knownLogs{logs: map[logKey]*knownLog{}} }

// find returns the log of a message, whose absent names are those of the log before.
func (k *knownLogs) find(before *knownLog, wire *msgbusv2.Message) *knownLog {
	topic, origin := wire.GetTopic(), toV1Node(wire.GetOrigin())
	if before != nil && topic == "" {
		topic = before.topic
	}
	if before != nil && wire.GetOrigin() == nil {
		origin = before.origin
	}
	key := logKey{topic, origin.GetTenantId(), origin.GetBlName(), origin.GetDeviceId()}
	log := k.logs[key]
	if log == nil {
		log = &knownLog{topic: topic, origin: origin}
		if len(k.logs) < maxKnownLogs {
			k.logs[key] = log
		}
	}
	return log
}

// skipSeen is for the same store and another start: nothing seen comes again.
func (k *knownLogs) skipSeen() {
	for _, log := range k.logs {
		log.skipTo = log.lastHead
	}
}

// skipConfirmed is for another store: a log whose last message seen is still there goes on behind it, every other one
// is taken for new.
func (k *knownLogs) skipConfirmed(idAt func(*knownLog) (string, error)) error {
	for _, log := range k.logs {
		log.skipTo = 0
		if log.lastHead == 0 {
			continue
		}
		id, err := idAt(log)
		if err != nil {
			return err
		}
		if id == log.lastID {
			log.skipTo = log.lastHead
		}
	}
	return nil
}
