//! Compressed bodies into plain ones, never beyond the size limit and never beyond the memory reserved.

use crate::admission::Reservation;
use crate::error::InsertError;
use bytes::Bytes;
use common::config::ByteSize;
use std::io::{self, Read};

/// `Content-Encoding` and `grpc-encoding` values that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
    Snappy,
    Deflate,
}

/// What to send in `Accept-Encoding` and `grpc-accept-encoding`.
pub(crate) const ACCEPTED: &str = "gzip,zstd,snappy,deflate,identity";

/// The first chunk of the framed snappy format.
const SNAPPY_STREAM: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// What a body that does not tell its size is first given.
const FIRST_STEP: usize = 256 << 10;

impl Encoding {
    /// The encoding of a header's value; an absent or empty one is [`Self::Identity`].
    pub(crate) fn from_header(value: Option<&[u8]>) -> Result<Self, InsertError> {
        let name = value.unwrap_or_default().trim_ascii().to_ascii_lowercase();
        match name.as_slice() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"zstd" => Ok(Self::Zstd),
            b"snappy" | b"x-snappy-framed" => Ok(Self::Snappy),
            b"deflate" => Ok(Self::Deflate),
            other => Err(InsertError::Unsupported(format!(
                "unsupported content encoding {:?}: expected one of {ACCEPTED}",
                String::from_utf8_lossy(other.get(..40).unwrap_or(other))
            ))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Snappy => "snappy",
            Self::Deflate => "deflate",
        }
    }

    /// The plain form of `body`, at most `limit` bytes. Memory for it is taken from `memory` as it grows.
    ///
    /// # Errors
    /// The data is corrupt or cut short, larger than `limit`, or there is no memory for it now.
    pub(crate) fn decompress(self, body: Bytes, limit: usize, memory: &mut Reservation) -> Result<Bytes, InsertError> {
        let mut target = Target {
            encoding: self,
            limit,
            memory,
        };
        match self {
            Self::Identity => Ok(body),
            Self::Gzip => target.read(flate2::bufread::MultiGzDecoder::new(&*body), gzip_size(&body)),
            Self::Zstd => {
                let size = zstd::zstd_safe::get_frame_content_size(&body).ok().flatten();
                let decoder =
                    zstd::stream::read::Decoder::with_buffer(&*body).map_err(|error| target.corrupt(error))?;
                target.read(decoder, size)
            }
            Self::Snappy if body.starts_with(SNAPPY_STREAM) => target.read(snap::read::FrameDecoder::new(&*body), None),
            Self::Snappy => target.snappy_block(&body),
            Self::Deflate if is_zlib(&body) => target.read(flate2::bufread::ZlibDecoder::new(&*body), None),
            Self::Deflate => target.read(flate2::bufread::DeflateDecoder::new(&*body), None),
        }
    }
}

/// Where plain bytes go to.
struct Target<'m> {
    encoding: Encoding,
    limit: usize,
    memory: &'m mut Reservation,
}

impl Target<'_> {
    /// Reads to the end or to the limit; `expected` is the size that the data claims, to save reallocations.
    fn read(&mut self, mut from: impl Read, expected: Option<u64>) -> Result<Bytes, InsertError> {
        let most = self.limit.saturating_add(1);
        let expected = expected
            .and_then(|size| usize::try_from(size).ok())
            .map(|size| size.saturating_add(1));
        let mut capacity = expected.unwrap_or(FIRST_STEP).min(most);
        let mut out = Vec::new();
        loop {
            let room = capacity.saturating_sub(out.len());
            self.memory.try_add(room)?;
            out.reserve_exact(room);
            from.by_ref()
                .take(room as u64)
                .read_to_end(&mut out)
                .map_err(|error| self.corrupt(error))?;
            if out.len() > self.limit {
                return Err(self.too_large());
            }
            if out.len() < capacity {
                return Ok(Bytes::from(out));
            }
            capacity = capacity.saturating_mul(2).max(FIRST_STEP).min(most);
        }
    }

    fn snappy_block(&mut self, body: &[u8]) -> Result<Bytes, InsertError> {
        let size = snap::raw::decompress_len(body).map_err(|error| self.corrupt(error))?;
        if size > self.limit {
            return Err(self.too_large());
        }
        self.memory.try_add(size)?;
        let plain = snap::raw::Decoder::new()
            .decompress_vec(body)
            .map_err(|error| self.corrupt(error))?;
        Ok(Bytes::from(plain))
    }

    fn corrupt(&self, error: impl Into<io::Error>) -> InsertError {
        InsertError::BadRequest(format!(
            "cannot decompress the {} body: {}",
            self.encoding.name(),
            error.into()
        ))
    }

    fn too_large(&self) -> InsertError {
        InsertError::TooLarge {
            what: "decompressed body",
            limit: ByteSize::new(self.limit as u64),
        }
    }
}

/// The plain size that the end of a gzip stream claims, within what deflate can reach.
fn gzip_size(body: &[u8]) -> Option<u64> {
    let size = u32::from_le_bytes(*body.last_chunk::<4>()?);
    let most = (body.len() as u64).saturating_mul(1032);
    Some(u64::from(size)).filter(|size| *size <= most)
}

/// Whether these bytes begin with a zlib header (RFC 1950); some clients send bare deflate data (RFC 1951).
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [first, second, ..] => first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Admission;
    use std::io::Write;
    use std::time::Duration;

    fn memory(bytes: usize) -> Reservation {
        Admission::new(1, bytes, Duration::ZERO).reservation()
    }

    fn plain(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8).collect()
    }

    fn compressed(plain: &[u8]) -> Vec<(Encoding, &'static str, Vec<u8>)> {
        let level = flate2::Compression::fast();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
        gzip.write_all(plain).unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
        zlib.write_all(plain).unwrap();
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), level);
        deflate.write_all(plain).unwrap();
        let mut snappy = snap::write::FrameEncoder::new(Vec::new());
        snappy.write_all(plain).unwrap();
        let mut zstd_stream = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        zstd_stream.write_all(plain).unwrap();
        vec![
            (Encoding::Gzip, "gzip", gzip.finish().unwrap()),
            (Encoding::Deflate, "zlib", zlib.finish().unwrap()),
            (Encoding::Deflate, "raw deflate", deflate.finish().unwrap()),
            (Encoding::Snappy, "framed snappy", snappy.into_inner().unwrap()),
            (
                Encoding::Snappy,
                "snappy block",
                snap::raw::Encoder::new().compress_vec(plain).unwrap(),
            ),
            (
                Encoding::Zstd,
                "zstd with size",
                zstd::bulk::compress(plain, 1).unwrap(),
            ),
            (Encoding::Zstd, "zstd without size", zstd_stream.finish().unwrap()),
        ]
    }

    #[test]
    fn every_encoding_reads_back() {
        for len in [0, 1, 1000, FIRST_STEP - 1, FIRST_STEP, FIRST_STEP + 1, 3 * FIRST_STEP] {
            let plain = plain(len);
            // Without data there is no framed snappy stream, and nothing to tell it from a broken block.
            for (encoding, name, body) in compressed(&plain).into_iter().filter(|(_, _, body)| !body.is_empty()) {
                let back = encoding.decompress(body.into(), len, &mut memory(64 << 20));
                assert!(
                    back.unwrap_or_else(|e| panic!("{name} {len}: {e}")) == plain,
                    "{name} {len}"
                );
            }
        }
    }

    #[test]
    fn what_exceeds_the_limit_is_refused_with_little_memory() {
        let plain = vec![0; 8 << 20];
        for (encoding, name, body) in compressed(&plain) {
            let mut memory = memory(2 << 20);
            let result = encoding.decompress(body.into(), 1 << 20, &mut memory);
            assert!(
                matches!(result, Err(InsertError::TooLarge { .. })),
                "{name}: {result:?}"
            );
        }
    }

    #[test]
    fn what_exceeds_the_memory_is_refused_for_now() {
        let plain = vec![0; 8 << 20];
        for (encoding, name, body) in compressed(&plain) {
            let result = encoding.decompress(body.into(), 64 << 20, &mut memory(2 << 20));
            assert!(matches!(result, Err(InsertError::Write(_))), "{name}: {result:?}");
        }
    }

    #[test]
    fn truncated_and_corrupt_bodies_are_bad_requests() {
        let plain = plain(100_000);
        for (encoding, name, body) in compressed(&plain) {
            for cut in [1, 5, body.len() / 2, body.len() - 1] {
                let cut_short = Bytes::copy_from_slice(&body[..cut]);
                let result = encoding.decompress(cut_short, 1 << 20, &mut memory(64 << 20));
                assert!(
                    matches!(result, Err(InsertError::BadRequest(_))),
                    "{name} {cut}: {result:?}"
                );
            }
        }
        for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Snappy, Encoding::Deflate] {
            let result = encoding.decompress(Bytes::from_static(&[0xff; 40]), 1 << 20, &mut memory(64 << 20));
            assert!(
                matches!(result, Err(InsertError::BadRequest(_))),
                "{encoding:?}: {result:?}"
            );
        }
    }

    #[test]
    fn headers_name_encodings_in_any_case() {
        assert_eq!(Encoding::from_header(None).unwrap(), Encoding::Identity);
        assert_eq!(Encoding::from_header(Some(b" GZip ")).unwrap(), Encoding::Gzip);
        assert!(matches!(
            Encoding::from_header(Some(b"br")),
            Err(InsertError::Unsupported(_))
        ));
    }
}
