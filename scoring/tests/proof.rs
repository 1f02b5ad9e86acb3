//! Laws of what proves a competition: the log's chain and the commitment to the labels.

use proptest::prelude::*;
use scoring::commitment::{Commitment, ModelPath, OpenedModel, Opening, Salt, Version1, line_hash};
use scoring::log::{LogLine, chain, lines};
use scoring::{Membership, Split};

fn log(events: &[Vec<u8>]) -> Vec<u8> {
    let mut previous = None;
    let mut bytes = Vec::new();
    for event in events {
        let hash = chain(previous, event);
        bytes.extend(LogLine { hash, event }.to_bytes());
        previous = Some(hash);
    }
    bytes
}

fn events() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let event = prop::collection::vec(any::<u8>().prop_filter("no line feed", |byte| *byte != b'\n'), 0..20);
    prop::collection::vec(event, 1..6)
}

fn memberships(labels: &[bool]) -> Vec<Membership> {
    labels.iter().map(|member| if *member { Membership::Member } else { Membership::NonMember }).collect()
}

fn path() -> impl Strategy<Value = ModelPath> {
    let split = prop_oneof![Just(Split::Dev), Just(Split::Final)];
    ("[a-c]{1,2}", split, "m_[0-9]{1,2}").prop_map(|(scenario, split, model)| ModelPath { scenario, split, model })
}

fn opening() -> impl Strategy<Value = Opening> {
    let model = (any::<[u8; 32]>(), prop::collection::vec(any::<bool>(), 1..8))
        .prop_map(|(salt, labels)| OpenedModel { salt: Salt::from_bytes(salt), labels: memberships(&labels) });
    ("[a-z]{1,4}", prop::collection::btree_map(path(), model, 1..6)).prop_map(|(track, models)| Opening {
        version: Version1,
        track,
        models,
    })
}

proptest! {
    #[test]
    fn every_log_is_read_as_it_was_written(events in events()) {
        let bytes = log(&events);
        let read: Vec<_> = lines(&bytes, None).collect::<Result<_, _>>().expect("a good log");
        prop_assert_eq!(read.iter().map(|line| line.event.to_vec()).collect::<Vec<_>>(), events);
    }

    #[test]
    fn a_log_with_a_changed_byte_is_none(events in events(), at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut bytes = log(&events);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(lines(&bytes, None).any(|line| line.is_err()));
    }

    #[test]
    fn a_log_without_one_of_its_lines_is_none_or_its_beginning(events in events(), gone in any::<prop::sample::Index>()) {
        let bytes = log(&events);
        let mut left: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let gone = gone.index(left.len());
        left.remove(gone);
        let is_log = lines(&left.concat(), None).all(|line| line.is_ok());
        prop_assert_eq!(is_log, gone == left.len());
    }

    #[test]
    fn every_commitment_is_read_as_it_was_written(opening in opening()) {
        let commitment = opening.commitment().expect("models");
        prop_assert_eq!(Commitment::parse(commitment.text().as_bytes()), Ok(commitment.clone()));
        prop_assert_eq!(opening.verify(&commitment.root()), Ok(()));
        let text = serde_json::to_string(&opening).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Opening>(&text).expect("readable"), opening);
    }

    #[test]
    fn an_opening_with_one_other_label_is_none(opening in opening(), model in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let root = opening.commitment().expect("models").root();
        let mut other = opening.clone();
        let model = model.index(other.models.len());
        let labels = &mut other.models.values_mut().nth(model).expect("a model").labels;
        let at = at.index(labels.len());
        labels[at] = if labels[at] == Membership::Member { Membership::NonMember } else { Membership::Member };
        prop_assert!(other.verify(&root).is_err());
        let named = other.commitment().expect("models").differences(&opening.commitment().expect("models"));
        prop_assert_eq!(named, [opening.models.keys().nth(model).expect("a model").clone()]);
    }

    #[test]
    fn one_salt_and_labels_have_another_hash_for_another_model(path in path(), other in path(), salt in any::<[u8; 32]>()) {
        let hash = |path| line_hash("t", path, &Salt::from_bytes(salt), &[Membership::Member]);
        prop_assert_eq!(hash(&path) == hash(&other), path == other);
    }
}
