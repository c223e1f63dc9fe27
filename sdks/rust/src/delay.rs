//! How long to wait before the next attempt.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(250);
const MOST: Duration = Duration::from_secs(10);

/// Grows exponentially, and leaves out a random half of each step, so that many clients of a restarted daemon do not
/// come back in step.
#[derive(Debug)]
pub(crate) struct ReconnectDelay {
    first: Duration,
    step: Option<Duration>,
}

impl ReconnectDelay {
    /// Zero is the standard, 250 ms.
    pub(crate) fn new(first: Duration) -> Self {
        Self { first: if first.is_zero() { FIRST } else { first }, step: None }
    }

    /// Call after every success.
    pub(crate) fn reset(&mut self) {
        self.step = None;
    }

    pub(crate) async fn wait(&mut self) {
        let step = self.step.map_or(self.first, |step| (2 * step).min(MOST.max(self.first)));
        self.step = Some(step);
        tokio::time::sleep(step.mul_f64(0.5 + random() / 2.0)).await;
    }
}

/// From 0 to 1. The keys of a new hasher are random, which is as much chance as jitter needs.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    let value = bits as f64 / (1_u64 << 53) as f64;
    value
}
