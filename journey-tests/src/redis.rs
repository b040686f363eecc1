//! What an operator types at a Redis or Valkey server, and what it answers.
//!
//! A few lines of its protocol and no client: a journey looks at a server from outside, and damages what is in it.

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// No value that a journey looks at is larger.
const VALUE_BYTES_MAX: usize = 64 << 20;

/// What a server answers, if it is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is no such thing.
    Nothing,
    /// A number.
    Number(i64),
    /// Text, or a value.
    Bytes(Vec<u8>),
    /// Several.
    List(Vec<Answer>),
}

impl Answer {
    /// What text it is; of several, one a line.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Number(number) => number.to_string(),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::List(all) => all.iter().map(Self::text).collect::<Vec<_>>().join("\n"),
        }
    }
}

/// One command, in words, over a connection of its own.
///
/// # Errors
/// When nobody answers, or what the server refuses it with.
pub async fn say(server: &str, line: &str) -> anyhow::Result<Answer> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    ask(server, &words).await
}

/// The same of words that are no text.
///
/// # Errors
/// As of [`say`].
pub async fn ask(server: &str, words: &[&[u8]]) -> anyhow::Result<Answer> {
    let asking = async {
        let mut connection = TcpStream::connect(server).await?;
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            command.extend_from_slice(word);
            command.extend_from_slice(b"\r\n");
        }
        connection.write_all(&command).await?;
        answer(&mut BufReader::new(connection)).await
    };
    let late = || format!("`{server}` did not answer within {:?}", crate::PATIENCE);
    let answered = tokio::time::timeout(crate::PATIENCE, asking).await.with_context(late)?;
    answered.with_context(|| format!("asking `{server}`: {}", String::from_utf8_lossy(&words.join(&b' '))))
}

async fn answer(from: &mut BufReader<TcpStream>) -> anyhow::Result<Answer> {
    let mut line = String::new();
    ensure!(from.read_line(&mut line).await? > 0, "it hung up");
    let line = line.trim_end();
    ensure!(line.is_char_boundary(1), "`{line}` is no answer");
    let (kind, rest) = line.split_at(1);
    Ok(match kind {
        "+" => Answer::Bytes(rest.as_bytes().to_vec()),
        "-" => bail!("it says `{rest}`"),
        ":" => Answer::Number(rest.parse()?),
        "$" | "*" if rest == "-1" => Answer::Nothing,
        "$" => {
            let length: usize = rest.parse()?;
            ensure!(length <= VALUE_BYTES_MAX, "a value of {length} bytes");
            let mut bytes = vec![0; length + 2];
            from.read_exact(&mut bytes).await?;
            bytes.truncate(length);
            Answer::Bytes(bytes)
        }
        "*" => {
            let mut all = Vec::new();
            for _ in 0..rest.parse::<usize>()? {
                all.push(Box::pin(answer(from)).await?);
            }
            Answer::List(all)
        }
        _ => bail!("`{line}` is no answer"),
    })
}
