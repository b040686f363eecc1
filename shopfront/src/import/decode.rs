//! Bytes in any encoding -> UTF-8, in bounded memory. What cannot be read becomes U+FFFD, which no name may hold.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding};

const BLOCK_BYTES: usize = 64 * 1024;

/// Reads UTF-8 from a reader of another encoding. A byte order mark is dropped, and wins over the stated encoding.
pub struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// The undecoded part of `raw`.
    raw_at: (usize, usize),
    text: Vec<u8>,
    /// The unread part of `text`.
    text_at: (usize, usize),
    is_last: bool,
    is_done: bool,
}

impl<R: Read> Decoding<R> {
    /// Decodes what `inner` gives.
    pub fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder(),
            raw: vec![0; BLOCK_BYTES],
            raw_at: (0, 0),
            text: vec![0; BLOCK_BYTES * 3],
            text_at: (0, 0),
            is_last: false,
            is_done: false,
        }
    }

    fn decode_more(&mut self) -> io::Result<()> {
        if self.raw_at.0 == self.raw_at.1 && !self.is_last {
            let count = self.inner.read(&mut self.raw)?;
            self.raw_at = (0, count);
            self.is_last = count == 0;
        }
        let raw = &self.raw[self.raw_at.0..self.raw_at.1];
        let (result, read, written, _) = self.decoder.decode_to_utf8(raw, &mut self.text, self.is_last);
        self.raw_at.0 += read;
        self.text_at = (0, written);
        self.is_done = self.is_last && result == CoderResult::InputEmpty;
        Ok(())
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.text_at.0 == self.text_at.1 && !self.is_done {
            self.decode_more()?;
        }
        let ready = &self.text[self.text_at.0..self.text_at.1];
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.text_at.0 += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_bytes_become_text_across_block_borders() {
        let text = "한식,동네식당\n".repeat(20_000);
        let (bytes, _, _) = encoding_rs::EUC_KR.encode(&text);
        let mut decoded = String::new();
        Decoding::new(&bytes[..], encoding_rs::EUC_KR).read_to_string(&mut decoded).unwrap();
        assert_eq!(decoded, text);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_and_broken_bytes_are_marked() {
        let mut decoded = String::new();
        let bytes = b"\xef\xbb\xbfname\xff";
        Decoding::new(&bytes[..], encoding_rs::UTF_8).read_to_string(&mut decoded).unwrap();
        assert_eq!(decoded, "name\u{fffd}");
    }
}
