//! Positions of the change log as a line of text: `1.17,1.5` is sequence 17 of shard 0 and 5 of shard 1, both in the
//! store's first activation.

use document_store::{Position, Positions};

pub(super) fn text(positions: &Positions) -> String {
    let each = positions.0.iter().map(|position| format!("{}.{}", position.activation, position.sequence));
    each.collect::<Vec<_>>().join(",")
}

/// `None`: not what [`text`] wrote.
pub(super) fn parse(text: &str) -> Option<Positions> {
    let position = |text: &str| {
        let (activation, sequence) = text.split_once('.')?;
        Some(Position { activation: activation.parse().ok()?, sequence: sequence.parse().ok()? })
    };
    text.split(',').map(position).collect::<Option<Vec<_>>>().map(Positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_cursor_survives_its_text(all in proptest::collection::vec(proptest::prelude::any::<(u32, u64)>(), 1..20)) {
            let position = |(activation, sequence)| Position { activation, sequence };
            let positions = Positions(all.into_iter().map(position).collect());
            proptest::prop_assert_eq!(parse(&text(&positions)), Some(positions));
        }
    }

    #[test]
    fn what_nobody_wrote_is_no_cursor() {
        for text in ["", "1", "1.", "1.2,", "1.2 1.3", "-1.2", "99999999999.1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
