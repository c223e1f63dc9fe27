//! Something that is being opened, and goes on being opened when whoever waits for it is dropped: so that a program that
//! receives in a race which it often loses comes on all the same.

use std::{fmt, future::Future};

use futures_util::{future::BoxFuture, FutureExt};

use crate::Result;

pub(crate) struct Opening<T>(Option<BoxFuture<'static, Result<T>>>);

impl<T> Default for Opening<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Opening<T> {
    /// Goes on with what was begun, or begins.
    pub(crate) async fn get<F>(&mut self, begin: impl FnOnce() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let outcome = self.0.get_or_insert_with(|| begin().boxed()).await;
        self.0 = None;
        outcome
    }
}

impl<T> fmt::Debug for Opening<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Opening" } else { "Idle" })
    }
}
