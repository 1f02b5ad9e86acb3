//! Each test says where its expected values come from: torch 1.8.1 with torchcsprng 0.2.1, an
//! independent program, or files of a track that were made without this code. The independent
//! program is an mt19937 and a shuffle in plain Python, whose words equal those of NumPy's
//! `MT19937`. All comparisons are exact.

use std::fs;

use sha2::{Digest, Sha256};

use super::*;

/// Seeds whose splits were computed with torch 1.8.1 and torchcsprng 0.2.1.
const SEEDS: Seeds =
    Seeds { challenge: 7503235860106429109, training: 3881111955461512822, membership: 7445162241462769994 };

const SMALL: Sizes = Sizes { pool: 40, trained_on: 10, members: 4 };

/// SHA-256 of the rows as little-endian u32.
fn digest(rows: &[u32]) -> String {
    hex::encode(Sha256::digest(rows.iter().flat_map(|row| row.to_le_bytes()).collect::<Vec<_>>()))
}

/// One byte a point, 1 for a member.
fn bytes(labels: &[Membership]) -> Vec<u8> {
    labels.iter().map(|&label| u8::from(label == Membership::Member)).collect()
}

/// The expected values for one split: the first rows of each list (challenge, member, non-member,
/// training), the last two training rows, and the digest of each whole list in the same order.
struct Known {
    sizes: Sizes,
    first: [&'static [u32]; 4],
    last_training: [u32; 2],
    digests: [&'static str; 4],
}

impl Known {
    fn check(&self) {
        let split = draw(SEEDS, self.sizes).unwrap();
        let lists = [&split.challenge, &split.members, &split.non_members, &split.training];
        for ((rows, first), known) in lists.iter().zip(self.first).zip(self.digests) {
            assert_eq!(&rows[..first.len()], first);
            assert_eq!(digest(rows), known);
        }
        assert_eq!(split.training[split.training.len() - 2..], self.last_training);
        assert_eq!(split.trained_on().len(), self.sizes.trained_on);
    }
}

/// Words of torchcsprng 0.2.1; 3499211612 is also the first of the reference program's default
/// seed.
#[test]
fn the_generator_gives_the_words_of_mt19937() {
    let mut generator = Mt::new(42);
    assert_eq!([(); 3].map(|()| generator.next_u32()), [1608637542, 3421126067, 4083286876]);
    assert_eq!(Mt::new(5489).next_u32(), 3499211612);
}

/// Computed with torch 1.8.1 and torchcsprng 0.2.1.
#[test]
fn small_permutations_are_those_of_torch() {
    assert_eq!(randperm(10, 0), [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]);
    assert_eq!(randperm(10, 42), [2, 6, 1, 8, 4, 5, 0, 9, 3, 7]);
    assert_eq!(randperm(10, (1 << 63) - 1), [1, 4, 6, 2, 0, 5, 8, 7, 9, 3]);
    assert!(randperm(0, 42).is_empty());
    assert_eq!(randperm(1, 42), [0]);
}

#[test]
fn only_the_low_32_bits_of_a_seed_count() {
    assert_eq!(randperm(10, (1 << 32) + 42), randperm(10, 42));
    assert_eq!(randperm(1_000, u64::MAX), randperm(1_000, u64::from(u32::MAX)));
    assert_ne!(randperm(10, 43), randperm(10, 42));
}

/// Digests from the independent program; `torch.randperm` of torch 2.15 on a CPU gives the same.
/// The generator makes 624 words at a time, so sizes around that number cover the boundary.
#[test]
fn large_permutations_are_those_of_another_program() {
    let known = [
        (624, 1, "d711a50706ac8304f526b85c8dc881adfab1499781f108490b9fd17d98e6a70b"),
        (625, 1, "7f99c6059bb6d244607702a5110a90f98d893a9589ff2916068ddf2ededbb439"),
        (626, 1, "6f67302bc6785f1b57051b84dc654d907f11e30312507b92e1025f6b2ada9006"),
        (4_627, 1 << 32, "b256ac6e12d60fd93fddb9621e70254ba0ec4a2676fc0ae1ed3a45f2fa6e8a57"),
        (60_000, MAX_SEED, "f38ab5e097c67e28e4e533bff7e8183cdde4979e426c730916b329ba8ceab0a8"),
        (60_000, SEEDS.challenge, "07b32b8dab8e4f660d695c2c0a5c1fd7a90eea60374a75c91b78d8aac644e1f9"),
        (68_221, SEEDS.challenge, "06f126c325e414a2dce64aaa164dcfb266c0dbdc91af5889f402bc17af5163ea"),
        (197_324, 0, "93fea2815d9cc30bf30928431a8447a1e17434bf9d0215dd0e23b643f4c41d38"),
        (197_324, SEEDS.challenge, "d4c52a24df48bfdbfb123d3e3f631b04cafd0617b5ece56a12cb1c348f91e3f9"),
        (1_000_000, 12_345, "3f87e2edae206294a07cea7877d0bb85615ef09742abb9b15fd0d0c75a30be62"),
    ];
    for (n, seed, known) in known {
        assert_eq!(digest(&randperm(n, seed)), known, "n = {n}, seed {seed}");
    }
}

#[test]
fn a_permutation_holds_every_number_once_and_its_beginning_can_be_had_alone() {
    for n in 0..70 {
        let whole = randperm(n, 7);
        for count in 0..=n {
            assert_eq!(first_of_randperm(count, n, 7), whole[..count as usize]);
        }
        let mut sorted = whole;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..n), "n = {n}");
    }
}

/// Rows from torch 1.8.1 with torchcsprng 0.2.1, digests from the independent program.
#[test]
fn a_split_of_cifar10_is_the_originals() {
    let known = Known {
        sizes: Sizes::CIFAR10,
        first: [
            &[19832, 57694, 52012, 10087, 10583, 32206],
            &[41141, 49770, 57694, 8644],
            &[52499, 23944, 47980, 57050],
            &[31395, 59415, 3287, 7859],
        ],
        last_training: [37470, 59849],
        digests: [
            "ba5ca530a67b797605619d43b07fdd5180844c3332891deea8dd771aefa4e24c",
            "a38cdd44d23911713bc61ba0591d6d3d9c39fe8c222ea5638c6887422df3b692",
            "06d80afc51e613f02a13f9efa1f975c0db940e8835504862381ed88131d981c8",
            "aa5279f978f66c26aa49f50a13aadac75282ae694fcf4f2dcb2d5909c889617d",
        ],
    };
    known.check();
}

/// Challenge and training rows from torch 1.8.1 with torchcsprng 0.2.1, the rest from the
/// independent program.
#[test]
fn a_split_of_purchase100_is_the_originals() {
    let known = Known {
        sizes: Sizes::PURCHASE100,
        first: [
            &[19728, 118619, 102402, 77096, 38999, 54812],
            &[116265, 123598, 118619, 50266],
            &[182077, 42496, 142387, 89950],
            &[196597, 169904, 79640, 89030],
        ],
        last_training: [46721, 152076],
        digests: [
            "81b1f3f0d6e07b5d1e633aa2d0ae520da292da96109e160ea700db631497a0a1",
            "8a844fb4f6ba2b185256f4006078e7d18089b9e030ad7c7c3b79aadcb4d0fcbb",
            "8f16bf05a63f50de2a4317e6f6143f59c5c250c355588b99f6b7e04f8075a96d",
            "96b81d842cba818d01101d05808004a709eb4ea9cebd9eb25d694142760bcbd9",
        ],
    };
    known.check();
}

/// Challenge points and members from torch 1.8.1 with torchcsprng 0.2.1, the rest from the
/// independent program.
#[test]
fn a_split_of_sst2_is_the_originals() {
    let known = Known {
        sizes: Sizes::SST2,
        first: [
            &[3386, 60570, 67698, 21768, 2235, 38332],
            &[54795, 15352, 60570, 58576],
            &[3055, 38764, 42866, 62568],
            &[58283, 67419, 38979, 3876],
        ],
        last_training: [48121, 53462],
        digests: [
            "e04753ad0d6091187df17761e1acc169d135b5f572a5decb8306787e5ea53e36",
            "db161edb61df78eb975c1987e01f4c7604466aa9a4e1a777aeaa50faaf6ed426",
            "fe97be37da83aeb8a0086b865e3f83623c62b19b4e55ee46b15e79981c7192d9",
            "7a9f241f925750e6865de953af827dd4b54d10f0221cde51c404def492277a2e",
        ],
    };
    known.check();
}

/// Computed with torch 1.8.1 and torchcsprng 0.2.1.
#[test]
fn a_solution_is_the_originals_whatever_the_pool() {
    const FIRST: &str = "0100101001111101110110011011000111010101";
    let labels = solution(SEEDS.membership, 200).unwrap();
    let bits: String = bytes(&labels[..FIRST.len()]).iter().map(u8::to_string).collect();
    assert_eq!(bits, FIRST);
    let known = "63ff27e97ad6cd3aeefa9dd66729d287d1369fd124c039bfe3d300babf1dc4ae";
    assert_eq!(hex::encode(Sha256::digest(bytes(&labels))), known);
    for sizes in [Sizes::CIFAR10, Sizes::PURCHASE100, Sizes::SST2] {
        assert_eq!(draw(SEEDS, sizes).unwrap().membership, labels);
    }
}

/// Digests of the rows and labels in `challenge.npz`, `train_idx.npy` and `solution.csv` of three
/// models of a track in MICO's form, made without this code. The last is from a final split, whose
/// folder has no `train_idx.npy`.
#[test]
fn the_split_of_a_tracks_model_is_that_of_its_files() {
    let known = [
        (
            [692781839321721943, 3203639349073862806, 7272326969274183049],
            "ba62201d0918e68aab04c1cbcd930ac1788b31b33322020b30aa99d24140fe6b",
            Some("41439ff79d55e8acf958117191d8487b8f9dc6e4b7acb6d77c26ad85192fa07f"),
            "ab43d52ff0dc2aad74474283d010b4606cb724fbf147f844f65afc89eecad9b2",
        ),
        (
            [4001460887845278771, 2996836470620542445, 1638635657548966975],
            "139459439d2650e776cae0b92a35bb99109e7f7bd2587f31a782babc7ac6ff69",
            Some("10054308046e629222a610ebe4b7240c5d010cb35d35243ffeda5ef0b5c4debc"),
            "9c94b6403dc065d7ce955a672c6d6b363ec725173469a7a02c7d00b1190ff285",
        ),
        (
            [8289912748166509305, 8882927211370148323, 912153967384957347],
            "5bc88280cea5535eb0d7d03cc6c7441ddbb0106c324e1fd941a1327782fc86d8",
            None,
            "e128b792afcb2fedadd2c8312aadd97ea6dcd1ba3bbb269fea236a497e98dad7",
        ),
    ];
    let sizes = Sizes { pool: 4_627, trained_on: 2_000, members: 100 };
    for ([challenge, training, membership], points, trained_on, labels) in known {
        let split = draw(Seeds { challenge, training, membership }, sizes).unwrap();
        assert_eq!(digest(&split.challenge), points);
        if let Some(trained_on) = trained_on {
            assert_eq!(digest(&split.trained_on()), trained_on);
        }
        assert_eq!(hex::encode(Sha256::digest(bytes(&split.membership))), labels);
    }
}

#[test]
fn exactly_the_members_among_the_challenge_points_are_trained_on() {
    for seed in 0..50 {
        let split = draw(Seeds { challenge: seed, training: seed + 100, membership: seed + 200 }, SMALL).unwrap();
        let mut trained_on = split.trained_on();
        for (row, &label) in split.challenge.iter().zip(&split.membership) {
            let is_member = label == Membership::Member;
            assert_eq!(trained_on.contains(row), is_member);
            assert_eq!((split.members.contains(row), split.non_members.contains(row)), (is_member, !is_member));
        }
        trained_on.sort_unstable();
        trained_on.dedup();
        let lengths = [split.challenge.len(), split.members.len(), split.non_members.len(), trained_on.len()];
        assert_eq!(lengths, [8, 4, 4, 10], "each row once");
    }
}

#[test]
fn the_published_seed_alone_gives_the_challenge_points() {
    assert_eq!(challenge(SEEDS.challenge, Sizes::SST2).unwrap(), draw(SEEDS, Sizes::SST2).unwrap().challenge);
}

#[test]
fn sizes_that_just_fit_are_drawn() {
    let nothing = draw(SEEDS, Sizes { pool: 0, trained_on: 0, members: 0 }).unwrap();
    assert_eq!((nothing.challenge.len(), nothing.trained_on().len()), (0, 0));
    let all_challenge = draw(SEEDS, Sizes { pool: 9, trained_on: 4, members: 4 }).unwrap();
    assert_eq!((all_challenge.challenge.len(), all_challenge.training.len()), (8, 0));
    let all_rows = draw(SEEDS, Sizes { pool: 9, trained_on: 5, members: 4 }).unwrap();
    assert_eq!((all_rows.challenge.len(), all_rows.training.len()), (8, 1));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let refused = |pool, trained_on, members| {
        let sizes = Sizes { pool, trained_on, members };
        let error = draw(SEEDS, sizes).unwrap_err();
        assert_eq!(challenge(SEEDS.challenge, sizes), Err(error.clone()));
        error
    };
    assert_eq!(refused(9, 5, 5), SplitError::PoolTooSmall { pool: 9, members: 5 });
    assert_eq!(refused(9, 9, usize::MAX), SplitError::PoolTooSmall { pool: 9, members: usize::MAX });
    assert_eq!(refused(9, 3, 4), SplitError::TooManyMembers { trained_on: 3, members: 4 });
    assert_eq!(refused(9, 6, 4), SplitError::RestTooSmall { training: 2, rest: 1 });
    assert_eq!(refused(9, usize::MAX, 0), SplitError::RestTooSmall { training: usize::MAX, rest: 9 });
    let pool = u32::MAX as usize + 1;
    assert_eq!(refused(pool, 5, 4), SplitError::PoolTooLarge { pool });
}

#[test]
fn a_number_of_points_that_cannot_be_half_members_is_refused() {
    assert_eq!(solution(1, 0), Ok(vec![]));
    assert_eq!(solution(1, 7), Err(SplitError::OddPoints { points: 7 }));
    let points = u32::MAX as usize + 1;
    assert_eq!(solution(1, points), Err(SplitError::TooManyPoints { points }));
}

#[test]
fn secrets_do_not_print_themselves() {
    assert_eq!(format!("{SEEDS:?}"), "Seeds { challenge: 7503235860106429109, .. }");
    let some = ModelSeeds { challenge: Some(5), training: Some(77), membership: None };
    let printed = "ModelSeeds { challenge: Some(5), has_training: true, has_membership: false }";
    assert_eq!(format!("{some:?}"), printed);
    let printed = format!("{:?}", draw(SEEDS, SMALL).unwrap());
    assert_eq!(printed, "SeededSplit { challenge points: 8, training rows: 6, .. }");
}

#[test]
fn a_seed_file_holds_a_number_and_perhaps_white_space() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed_challenge");
    for (text, seed) in [
        ("692781839321721943\n", 692_781_839_321_721_943),
        ("0", 0),
        ("007\n", 7),
        (" \t42\r\n", 42),
        ("9223372036854775807\n", MAX_SEED),
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(read_seed(&path).unwrap(), seed, "{text:?}");
    }
}

#[test]
fn anything_else_in_a_seed_file_is_named_but_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed_membership");
    let long = [b' '; 1_025];
    let cases: [(&[u8], &str); 11] = [
        (b"", "nothing"),
        (b" \r\n", "nothing"),
        (b"-42\n", "the character '-'"),
        (b"+42\n", "the character '+'"),
        (b"42.0\n", "the character '.'"),
        (b"0x2A", "the character 'x'"),
        ("\u{feff}42".as_bytes(), r"the character '\u{feff}'"),
        (b"42\n43\n", "more than one word"),
        (b"9223372036854775808\n", "a larger number"),
        (b"4\xff2", "bytes that are no text"),
        (&long, "more than 1024 bytes"),
    ];
    for (bytes, found) in cases {
        fs::write(&path, bytes).unwrap();
        let wanted = "must hold one whole number from 0 to 9223372036854775807 and a newline";
        let sentence = format!("{} {wanted}, but holds {found}", path.display());
        assert_eq!(read_seed(&path).unwrap_err().to_string(), sentence);
    }
    fs::write(&path, "9".repeat(40)).unwrap();
    assert!(read_seed(&path).unwrap_err().to_string().ends_with("holds a larger number"), "beyond u64");
}

#[test]
fn a_folder_gives_the_seeds_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let read = || ModelSeeds::read(folder.path());
    assert_eq!(read().unwrap(), ModelSeeds { challenge: None, training: None, membership: None });
    fs::write(folder.path().join("seed_challenge"), "1\n").unwrap();
    assert_eq!(read().unwrap(), ModelSeeds { challenge: Some(1), training: None, membership: None });
    fs::write(folder.path().join("seed_training"), "2\n").unwrap();
    assert_eq!(read().unwrap().complete(), None);
    fs::write(folder.path().join("seed_membership"), "3\n").unwrap();
    assert_eq!(read().unwrap().complete(), Some(Seeds { challenge: 1, training: 2, membership: 3 }));
    fs::write(folder.path().join("seed_training"), "two\n").unwrap();
    let sentence = read().unwrap_err().to_string();
    assert!(sentence.contains("seed_training") && sentence.ends_with("but holds the character 't'"), "{sentence}");
}

#[test]
fn a_folder_that_is_not_there_is_no_folder_without_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("model_0");
    let sentence = format!("{} cannot be read; see that it is there and may be read", missing.display());
    assert_eq!(ModelSeeds::read(&missing).unwrap_err().to_string(), sentence);
    fs::create_dir_all(missing.join("seed_challenge")).unwrap();
    let error = ModelSeeds::read(&missing).unwrap_err();
    assert!(matches!(error, SeedFileError::Io { path, .. } if path == missing.join("seed_challenge")));
}
