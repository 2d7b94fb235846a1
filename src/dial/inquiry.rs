//! What a diagnosis asks a server beside a WebSocket: a plain page, an extension.
//! Leaves to `probe`: what the answers mean.

use std::time::Duration;

use tokio::time::timeout;

use super::{Answer, Dial, Refusal, Step, handshake::Asking};

/// How long the server may take to answer the close behind an inquiry.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

impl Dial {
    /// The answer to the same request without the fields that ask for a WebSocket.
    ///
    /// # Errors
    /// Why no answer could be had.
    pub(crate) async fn page(&self) -> Result<Answer, Refusal> {
        match self.inquire_in_time(Asking::Page).await {
            Err(Refusal::Status(answer)) => Ok(answer),
            Err(refusal) => Err(refusal),
            // Who answers 101 to that would answer it to anything.
            Ok(answer) => Ok(answer),
        }
    }

    /// What the server says to an offer of permessage-deflate (RFC 7692): its
    /// `Sec-WebSocket-Extensions`. The connection is closed at once.
    ///
    /// # Errors
    /// Why no WebSocket could be opened.
    pub(crate) async fn extensions(&self) -> Result<Option<String>, Refusal> {
        let answer = self.inquire_in_time(Asking::Deflate).await?;
        Ok(answer.header("sec-websocket-extensions").map(str::to_owned))
    }

    async fn inquire_in_time(&self, asking: Asking) -> Result<Answer, Refusal> {
        let mut step = Step::Resolve;
        let asked = timeout(self.timeout, self.inquire(asking, &mut step)).await;
        let (mut line, answer) =
            asked.unwrap_or_else(|_| Err(Refusal::Timeout(step, self.timeout)))?;
        line.close(1000, "");
        line.finish(CLOSE_TIMEOUT).await;
        Ok(answer)
    }
}
