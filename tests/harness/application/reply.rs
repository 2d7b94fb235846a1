//! One answer of the application: good, late, cut short, endless, or none at all.
//! Which request gets which is the script's to say.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::WriteHalf;
use tokio::sync::Semaphore;

/// What the application does with one request.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    form: Form,
    gate: Option<Gate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// With its length.
    Sized,
    /// In chunks of at most 1000 bytes.
    Chunked,
    /// By HTTP/1.0, whose end is the end of the connection.
    Old,
    /// Cut off after so many bytes of the body, whose length is told.
    Cut(usize),
    /// In chunks, the body again and again without end.
    Endless,
    /// As it is, without a head; the connection closes behind it.
    Raw,
    /// Nothing, for ever.
    Silence,
}

impl Reply {
    /// An answer of this status without a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), form: Form::Sized, gate: None }
    }

    /// 200 with this text.
    pub fn text(text: &str) -> Self {
        Self::new(200).header("content-type", "text/plain; charset=utf-8").body(text)
    }

    /// 200 with this JSON, as it is written.
    pub fn json(json: &str) -> Self {
        Self::new(200).header("content-type", "application/json").body(json)
    }

    /// Reads the request and never says a word.
    pub fn hang() -> Self {
        Self { form: Form::Silence, ..Self::new(200) }
    }

    /// Closes the connection instead of an answer.
    pub fn close() -> Self {
        Self::raw("")
    }

    /// Says this, whatever it means, and closes the connection.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self { form: Form::Raw, ..Self::new(200).body(bytes) }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// The body comes in chunks.
    pub fn chunked(self) -> Self {
        Self { form: Form::Chunked, ..self }
    }

    /// By HTTP/1.0: the body ends with the connection.
    pub fn old(self) -> Self {
        Self { form: Form::Old, ..self }
    }

    /// The connection closes after so many bytes of the body.
    pub fn cut(self, bytes: usize) -> Self {
        Self { form: Form::Cut(bytes), ..self }
    }

    /// The body comes again and again.
    pub fn endless(self) -> Self {
        Self { form: Form::Endless, ..self }
    }

    /// Only when the gate lets it.
    pub fn held(self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }

    /// Sends it. Whether the connection stays; none when the other end has closed it.
    pub(super) async fn send(
        &self,
        asked: &super::Asked,
        stream: &mut WriteHalf<'_>,
    ) -> Option<bool> {
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        let head = self.head();
        match self.form {
            Form::Silence => std::future::pending().await,
            Form::Raw => stream.write_all(&self.body).await.ok()?,
            _ => stream.write_all(head.as_bytes()).await.ok()?,
        }
        if asked.method == "HEAD" {
            return Some(true);
        }
        match self.form {
            Form::Sized | Form::Old => stream.write_all(&self.body).await.ok()?,
            Form::Cut(bytes) => stream.write_all(&self.body[..bytes]).await.ok()?,
            Form::Chunked => {
                for part in self.body.chunks(1000) {
                    chunk(stream, part).await?;
                }
                stream.write_all(b"0\r\n\r\n").await.ok()?;
            }
            Form::Endless => loop {
                chunk(stream, &self.body).await?;
            },
            Form::Raw | Form::Silence => {}
        }
        Some(matches!(self.form, Form::Sized | Form::Chunked))
    }

    fn head(&self) -> String {
        let version = if self.form == Form::Old { "1.0" } else { "1.1" };
        let mut head = format!("HTTP/{version} {} Scripted\r\n", self.status);
        head.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        match self.form {
            Form::Sized | Form::Cut(_) if self.status != 204 && self.status != 304 => {
                head.push_str(&format!("content-length: {}\r\n", self.body.len()));
            }
            Form::Chunked | Form::Endless => head.push_str("transfer-encoding: chunked\r\n"),
            _ => {}
        }
        head + "\r\n"
    }
}

async fn chunk(stream: &mut WriteHalf<'_>, part: &[u8]) -> Option<()> {
    stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await.ok()?;
    stream.write_all(part).await.ok()?;
    stream.write_all(b"\r\n").await.ok()
}

/// Holds answers back until the test lets them go.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A gate that is shut.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets one answer go, now or when it comes.
    pub fn let_one(&self) {
        self.0.add_permits(1);
    }

    /// Lets every answer go, from now on.
    pub fn open(&self) {
        self.0.close();
    }

    async fn pass(&self) {
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}
