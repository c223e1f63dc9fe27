//! Reading what is stored in one log.

use tokio_stream::Stream;
use tonic::Streaming;

use crate::{pb::v1, Error, Message, MsgbusClient, NodeId, Result};

/// Few enough to be answered quickly, and many enough to make the calls cheap.
pub(crate) const PAGE_MESSAGES: u32 = 1_000;

/// One Fetch under way.
#[derive(Debug)]
pub(crate) struct LogPage {
    stream: Streaming<v1::FetchResponse>,
    pub(crate) count: u32,
}

impl LogPage {
    /// None at the end of the page.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>> {
        let Some(response) = self.stream.message().await? else { return Ok(None) };
        self.count += 1;
        response.message.ok_or_else(Error::without_message).map(Some)
    }
}

impl MsgbusClient {
    pub(crate) async fn open_page(
        &self,
        topic: String,
        origin: Option<NodeId>,
        from_head_id: u64,
        limit: u32,
    ) -> Result<LogPage> {
        let request = v1::FetchRequest { topic, origin, from_head_id, limit };
        let stream = self.v1.clone().fetch(request).await?.into_inner();
        Ok(LogPage { stream, count: 0 })
    }

    /// One log from a head id on, ending at its head, however long it is. The stream ends after its first error.
    pub fn fetch_all(
        &self,
        topic: &str,
        origin: Option<NodeId>,
        from_head_id: u64,
    ) -> impl Stream<Item = Result<Message>> + Send + use<> {
        let (client, topic, origin) = (self.clone(), topic.to_owned(), self.origin(origin));
        let state = Some((None::<LogPage>, from_head_id.max(1)));
        futures_util::stream::unfold(state, move |state| {
            let (client, topic, origin) = (client.clone(), topic.clone(), origin.clone());
            async move {
                let (mut page, from) = state?;
                loop {
                    let mut open = match page.take() {
                        Some(open) => open,
                        None => match client
                            .open_page(topic.clone(), origin.clone(), from, PAGE_MESSAGES)
                            .await
                        {
                            Ok(open) => open,
                            Err(error) => return Some((Err(error), None)),
                        },
                    };
                    match open.next().await {
                        Ok(Some(message)) => {
                            let next = message.head_id + 1;
                            return Some((Ok(message), Some((Some(open), next))));
                        }
                        Ok(None) if open.count < PAGE_MESSAGES => return None,
                        Ok(None) => {}
                        Err(error) => return Some((Err(error), None)),
                    }
                }
            }
        })
    }
}
