//! A shop's cells as the distances between their numbers: neighbours were mostly numbered together, so that 37
//! cells take some 60 bytes instead of 148.

/// Ascending numbers, seven bits of a distance to a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers(Box<[u8]>);

impl Numbers {
    /// Of ascending numbers without repetitions.
    pub(crate) fn pack(numbers: &[u32]) -> Self {
        let mut bytes = Vec::with_capacity(numbers.len() * 2);
        let mut before = 0;
        for &number in numbers {
            let mut distance = number - before;
            while distance > 0x7f {
                bytes.push((distance & 0x7f) as u8 | 0x80);
                distance >>= 7;
            }
            bytes.push((distance & 0x7f) as u8);
            before = number;
        }
        Self(bytes.into())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        let mut bytes = self.0.iter();
        let mut before = 0;
        std::iter::from_fn(move || {
            let (mut distance, mut shift) = (0, 0);
            loop {
                let byte = *bytes.next()?;
                distance |= u32::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
                shift += 7;
            }
            before += distance;
            Some(before)
        })
    }

    /// Those of `self` that the other does not have; both ascend.
    pub(crate) fn without(&self, other: &Self) -> impl Iterator<Item = u32> {
        let mut others = other.iter().peekable();
        self.iter().filter(move |number| {
            while others.next_if(|other| other < number).is_some() {}
            others.peek() != Some(number)
        })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn any_numbers() -> impl Strategy<Value = BTreeSet<u32>> {
        let number = prop_oneof![0_u32..40, 0_u32..100_000, any::<u32>()];
        prop::collection::btree_set(number, 0..60)
    }

    fn pack(numbers: &BTreeSet<u32>) -> Numbers {
        Numbers::pack(&numbers.iter().copied().collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn numbers_survive_packing_and_can_be_told_apart(one in any_numbers(), other in any_numbers()) {
            let (packed, packed_other) = (pack(&one), pack(&other));
            prop_assert_eq!(&packed.iter().collect::<BTreeSet<_>>(), &one);
            prop_assert_eq!(packed == packed_other, one == other);
            prop_assert_eq!(packed.is_empty(), one.is_empty());
            let without: Vec<u32> = packed.without(&packed_other).collect();
            prop_assert_eq!(without, one.difference(&other).copied().collect::<Vec<_>>());
        }
    }
}
