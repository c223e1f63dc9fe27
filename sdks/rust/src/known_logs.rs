//! What a subscription over many logs remembers of each.

use std::{collections::HashMap, sync::Arc};

use crate::{pb::v2, NodeId};

/// Beyond this logs are served, but not remembered.
const MAX_KNOWN_LOGS: usize = 100_000;

type Key = (String, String, String, String);

/// The last message seen of a log, so that a start from another place than the exact position repeats nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownLog {
    pub(crate) last_head: u64,
    pub(crate) last_id: String,
    /// Messages up to this head came before and are left out.
    pub(crate) skip_to: u64,
}

#[derive(Debug, Default)]
pub(crate) struct KnownLogs {
    logs: HashMap<Arc<Key>, KnownLog>,
}

/// The names of a log.
pub(crate) fn key_of(topic: &str, origin: &NodeId) -> Arc<Key> {
    let NodeId { tenant_id, bl_name, device_id } = origin;
    Arc::new((topic.to_owned(), tenant_id.clone(), bl_name.clone(), device_id.clone()))
}

impl KnownLogs {
    pub(crate) fn skip_to(&self, key: &Arc<Key>) -> u64 {
        self.logs.get(key).map_or(0, |log| log.skip_to)
    }

    pub(crate) fn seen(&mut self, key: &Arc<Key>, message: &v2::Message) {
        if let Some(log) = self.logs.get_mut(key) {
            log.last_head = message.head_id;
            log.last_id.clone_from(&message.id);
        } else if self.logs.len() < MAX_KNOWN_LOGS {
            let log =
                KnownLog { last_head: message.head_id, last_id: message.id.clone(), skip_to: 0 };
            self.logs.insert(key.clone(), log);
        }
    }

    /// For the same store and another start: nothing seen comes again.
    pub(crate) fn skip_seen(&mut self) {
        for log in self.logs.values_mut() {
            log.skip_to = log.last_head;
        }
    }

    pub(crate) fn all(&self) -> Vec<(Arc<Key>, KnownLog)> {
        self.logs.iter().map(|(key, log)| (key.clone(), log.clone())).collect()
    }

    pub(crate) fn set_skip_to(&mut self, key: &Arc<Key>, head: u64) {
        if let Some(log) = self.logs.get_mut(key) {
            log.skip_to = head;
        }
    }
}
