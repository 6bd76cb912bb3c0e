//! Lists of integers as bytes of one width: for `#[serde(with)]`. Long lists cost little more than copying them.

use super::raw::Raw;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The least integer, the number of bytes that each takes, their number, and of each how much it is above the least,
/// little-endian.
pub(crate) fn serialize<S: Serializer>(ints: &[i64], serializer: S) -> Result<S::Ok, S::Error> {
    let (least, most) = ints.iter().fold((i64::MAX, i64::MIN), |(least, most), int| {
        (least.min(*int), most.max(*int))
    });
    let least = least.min(most);
    let bits = 64 - most.abs_diff(least).leading_zeros();
    let width = bits.div_ceil(8).max(1) as u8;
    let mut bytes = Vec::with_capacity(ints.len() * usize::from(width));
    let above = ints.iter().map(|int| int.wrapping_sub(least).to_le_bytes());
    macro_rules! put {
        ($($width:literal)*) => {
            match width {
                $($width => above.for_each(|above| bytes.extend_from_slice(&above[..$width])),)*
                _ => {}
            }
        };
    }
    put!(1 2 3 4 5 6 7 8);
    (least, width, ints.len(), Raw(&bytes)).serialize(serializer)
}

/// # Errors
/// Where the bytes are not those of so many integers.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    let (least, width, len, Raw(bytes)) = <(i64, u8, usize, Raw<'_>)>::deserialize(deserializer)?;
    // Without bytes nothing would bound how many they are.
    if !(1..=8).contains(&width) || usize::from(width).checked_mul(len) != Some(bytes.len()) {
        return Err(de::Error::custom("a list of integers of another length"));
    }
    let mut ints = Vec::with_capacity(len);
    macro_rules! take {
        ($($width:literal)*) => {
            match width {
                $($width => ints.extend(bytes.as_chunks::<$width>().0.iter().map(|bytes| {
                    let mut above = [0; 8];
                    above[..$width].copy_from_slice(bytes);
                    least.wrapping_add(i64::from_le_bytes(above))
                })),)*
                _ => {}
            }
        };
    }
    take!(1 2 3 4 5 6 7 8);
    Ok(ints)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct List(#[serde(with = "super")] Vec<i64>);

    proptest! {
        #[test]
        fn integers_survive(ints in proptest::collection::vec(any::<i64>(), 0..20), shift in 0..64u32) {
            let list = List(ints.into_iter().map(|int| int >> shift).collect());
            let bytes = postcard::to_stdvec(&list).unwrap();
            prop_assert_eq!(postcard::from_bytes::<List>(&bytes).unwrap(), list);
        }

        #[test]
        fn any_bytes_are_a_list_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let list = postcard::from_bytes::<List>(&bytes);
            prop_assert!(list.map_or(0, |list| list.0.len()) <= bytes.len());
        }
    }
}
