//! Downloads against a server in the same process that does what servers do on bad days.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use super::*;
use crate::tests::{Asked, Held, World, bytes, noise, problem, ranged};

fn track() -> TrackName {
    "mico/cifar10".parse().expect("a track")
}

fn settings(folder: &Path) -> Settings {
    let jobs = NonZero::new(3).expect("not zero");
    Settings { folder: folder.to_owned(), wanted: Wanted::default(), jobs, unpack: false }
}

/// Nobody stops it.
fn run_on() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    // A sender that is gone would mean stop.
    std::mem::forget(sender);
    receiver
}

fn quiet() -> Tell {
    Arc::new(|_| {})
}

async fn bring(world: &World, folder: &Path) -> Result<Report, ClientError> {
    download(&world.api(), &track(), &settings(folder), run_on(), quiet()).await
}

/// The names in a folder, without our own notes.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    entries.map(|name| name.into_string().expect("a name")).filter(|name| !name.starts_with(".callimico")).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn three() -> Vec<Held> {
    vec![
        Held::new("SHA256SUMS", bytes(1, 300)),
        Held::new("inf-train.tar", bytes(2, 3_000_000)),
        Held::new("inf-dev.tar", bytes(3, 400_000)),
        Held::new("empty", Vec::new()),
    ]
}

fn assert_whole(folder: &Path, held: &[Held]) {
    for file in held {
        assert!(fs::read(folder.join(&file.name)).expect("there") == file.bytes, "{} is not as it was", file.name);
    }
    assert_eq!(names(folder), held.iter().map(|file| file.name.clone()).collect(), "nothing else is left");
}

fn part_of(held: &Held) -> String {
    format!("{}{}", held.name, part::ending(&held.sha256()))
}

#[tokio::test]
async fn a_second_run_fetches_nothing_and_a_lost_record_costs_no_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("new/cifar10");
    let world = World::honest(three()).await;
    let report = bring(&world, &folder).await.expect("brought");
    assert_whole(&folder, &three());
    assert!(report.files.iter().all(|brought| brought.state == State::Downloaded));
    assert_eq!(report.received, 3_400_300);
    let order: Vec<_> = report.files.iter().map(|brought| brought.file.name.as_str()).collect();
    assert_eq!(order, ["SHA256SUMS", "inf-train.tar", "inf-dev.tar", "empty"]);
    // An empty file needs no request.
    assert_eq!((world.asked().len(), world.asked_for_bytes().len()), (4, 3));
    assert!(world.asked_for_bytes().iter().all(|asked| asked.authorization.is_none()), "bytes need no token");

    for lost in [false, true] {
        if lost {
            fs::write(folder.join(".callimico.json"), "{").expect("written");
        }
        let report = bring(&world, &folder).await.expect("all there");
        assert!(report.files.iter().all(|brought| brought.state == State::Present));
        assert_eq!((report.received, world.asked_for_bytes().len()), (0, 3));
    }
}

#[tokio::test]
async fn connections_cut_anywhere_cost_time_and_no_byte_is_wrong() {
    for seed in 1..=4 {
        let folder = tempfile::tempdir().expect("a folder");
        let next = Mutex::new(noise(seed));
        let world = World::start(three(), move |world, asked| {
            let bytes = world.bytes_of(asked)?;
            let cut = (next.lock().expect("no poison"))() % 200_000;
            Some(ranged(&bytes, asked.from, Some(usize::try_from(cut).expect("small"))))
        })
        .await;
        let report = bring(&world, folder.path()).await.expect("brought");
        assert_whole(folder.path(), &three());
        assert_eq!(report.received, 3_400_300, "no byte is counted twice");
        let resumed = world.asked_for_bytes().iter().filter(|asked| asked.from.is_some()).count();
        // At most 200 000 bytes come with each of at least 17 answers.
        assert!(resumed >= 15, "{resumed}");
    }
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_sends_all_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = AtomicUsize::new(0);
    let world = World::start(vec![three().remove(1)], move |world, asked| {
        let bytes = world.bytes_of(asked)?;
        let cut = [Some(2_000_000), Some(1_000_000), None][count.fetch_add(1, Ordering::Relaxed).min(2)];
        Some(ranged(&bytes, None, cut))
    })
    .await;
    bring(&world, folder.path()).await.expect("brought");
    assert_whole(folder.path(), &three()[1..2]);
    let ranges: Vec<_> = world.asked_for_bytes().iter().map(|asked| asked.from).collect();
    assert!(ranges.len() == 3 && ranges[0].is_none() && ranges[1].is_some(), "{ranges:?}");
    assert_eq!(ranges[1], ranges[2], "a shorter answer takes nothing away");
}

#[tokio::test]
async fn wrong_bytes_are_fetched_once_more_and_then_named() {
    for wrong_answers in [1, 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let count = AtomicUsize::new(0);
        let bad = three()[2].clone();
        let is_bad = format!("/bytes/{}", bad.sha256());
        let world = World::start(three(), move |world, asked| {
            let mut bytes = world.bytes_of(asked)?;
            if asked.path == is_bad && count.fetch_add(1, Ordering::Relaxed) < wrong_answers {
                bytes[1000] ^= 1;
            }
            Some(ranged(&bytes, asked.from, None))
        })
        .await;
        let outcome = bring(&world, folder.path()).await;
        let asked = world.asked_for_bytes();
        assert_eq!(asked.iter().filter(|asked| asked.path.ends_with(&bad.sha256())).count(), 2);
        assert!(asked.iter().all(|asked| asked.from.is_none()), "from its beginning");
        if wrong_answers == 1 {
            outcome.expect("brought");
            assert_whole(folder.path(), &three());
            continue;
        }
        let error = outcome.expect_err("wrong twice");
        let ClientError::Corrupt { name, expected, found } = &error else { panic!("{error}") };
        assert_eq!((name, expected), (&bad.name, &bad.sha256()));
        assert_ne!(found, expected);
        assert_eq!(names(folder.path()), set(&["SHA256SUMS", "inf-train.tar", "empty"]), "the others came");
    }
}

#[tokio::test]
async fn a_file_replaced_after_the_list_comes_in_its_new_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = Held::new("data.tar", bytes(5, 900_000));
    let new = Held::new("data.tar", bytes(6, 500_000));
    let replacement = new.clone();
    let world = World::start(vec![old.clone()], move |world, asked| {
        let bytes = world.bytes_of(asked)?;
        if asked.from.is_some() || bytes.len() == 500_000 {
            return None;
        }
        // It is replaced while it is sent.
        *world.held.lock().expect("no poison") = vec![replacement.clone()];
        Some(ranged(&bytes, None, Some(400_000)))
    })
    .await;
    let told = Arc::new(Mutex::new(Progress::default()));
    let last = Arc::clone(&told);
    let tell: Tell = Arc::new(move |event| {
        if let Event::Progress(progress) = event {
            *last.lock().expect("no poison") = progress;
        }
    });
    let report = download(&world.api(), &track(), &settings(folder.path()), run_on(), tell).await.expect("brought");
    assert_whole(folder.path(), std::slice::from_ref(&new));
    assert_eq!((report.received, report.files[0].file.sha256.clone()), (500_000, new.sha256()));
    assert_eq!(*told.lock().expect("no poison"), Progress { done: 500_000, found: 0, total: 500_000 });
    assert_eq!(world.asked().len() - world.asked_for_bytes().len(), 2, "the list is asked for once more");
}

#[tokio::test]
async fn an_enrolment_that_ends_on_the_way_is_said_and_the_part_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = three().remove(1);
    let world = World::start(vec![file.clone()], |world, asked| {
        if asked.is_for_bytes() {
            return Some(match asked.from {
                None => ranged(&world.bytes_of(asked)?, None, Some(1_500_000)),
                Some(_) => problem(403, "gone"),
            });
        }
        let is_first = world.asked().len() == 1;
        (!is_first).then(|| problem(403, "your enrolment is withdrawn"))
    })
    .await;
    let error = bring(&world, folder.path()).await.expect_err("not allowed any more");
    assert!(matches!(&error, ClientError::NotAllowed(said) if said.contains("withdrawn")), "{error}");
    let kept = fs::read(folder.path().join(part_of(&file))).expect("a part");
    assert!(!kept.is_empty() && file.bytes.starts_with(&kept));
}

#[tokio::test]
async fn addresses_that_run_out_are_renewed_for_all_jobs_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<Held> = (0..3).map(|file| Held::new(&format!("{file}.tar"), bytes(file, 500_000))).collect();
    // Each file's first answer is cut, and its address has run out when it is asked for the rest.
    let run_out = Mutex::new(BTreeSet::new());
    let world = World::start(files.clone(), move |world, asked| match asked.from {
        None => Some(ranged(&world.bytes_of(asked)?, None, Some(200_000))),
        Some(_) => run_out
            .lock()
            .expect("no poison")
            .insert(asked.path.clone())
            .then(|| problem(403, "the address has run out")),
    })
    .await;
    bring(&world, folder.path()).await.expect("brought");
    assert_whole(folder.path(), &files);
    assert_eq!(world.asked_for_bytes().len(), 9);
    assert_eq!(world.asked().len() - world.asked_for_bytes().len(), 2, "one new list for all three");
}

#[tokio::test]
async fn an_address_that_never_holds_ends_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let whim = |_: &World, asked: &Asked| asked.is_for_bytes().then(|| problem(404, "no"));
    let world = World::start(vec![three().remove(1)], whim).await;
    let error = bring(&world, folder.path()).await.expect_err("nothing to be had");
    assert!(matches!(error, ClientError::Network { .. }), "{error}");
    assert_eq!(world.asked_for_bytes().len(), 4);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_but_not_for_ever() {
    let file = vec![three().remove(0)];
    for (status, busy) in [(503, 7), (429, 7), (500, 8)] {
        let folder = tempfile::tempdir().expect("a folder");
        let count = AtomicUsize::new(0);
        let world = World::start(file.clone(), move |_, asked| {
            let is_busy = asked.is_for_bytes() && count.fetch_add(1, Ordering::Relaxed) < busy;
            is_busy.then(|| problem(status, "later"))
        })
        .await;
        let outcome = bring(&world, folder.path()).await;
        assert_eq!(world.asked_for_bytes().len(), 8);
        match busy {
            7 => assert!(outcome.is_ok(), "{outcome:?}"),
            _ => assert!(matches!(outcome, Err(ClientError::Network { .. })), "{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn silence_counts_as_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(vec![three().remove(1)], |world, asked| {
        let bytes = world.bytes_of(asked)?;
        if asked.from.is_some() {
            return None;
        }
        let sent = futures_util::stream::iter([Ok::<_, io::Error>(bytes[..700_000].to_vec())]);
        let body = axum::body::Body::from_stream(sent.chain(futures_util::stream::pending()));
        Some(([("content-length", bytes.len().to_string())], body).into_response())
    })
    .await;
    let api = world.api_with(crate::tests::TOKEN, Duration::from_millis(300));
    download(&api, &track(), &settings(folder.path()), run_on(), quiet()).await.expect("brought");
    assert_whole(folder.path(), &three()[1..2]);
    assert_eq!(world.asked_for_bytes().last().and_then(|asked| asked.from), Some(700_000));
}

#[tokio::test]
async fn a_name_that_leads_out_of_the_folder_ends_it_before_anything_is_written() {
    let home = tempfile::tempdir().expect("a folder");
    let world = World::honest(vec![Held::new("../evil", bytes(1, 10))]).await;
    let error = bring(&world, &home.path().join("cifar10")).await.expect_err("no such name");
    assert!(matches!(error, ClientError::List(_)), "{error}");
    assert_eq!((names(home.path()), world.asked_for_bytes().len()), (BTreeSet::new(), 0));
}

#[tokio::test]
async fn bytes_may_lie_on_another_host_and_the_range_goes_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = three().remove(1);
    let count = AtomicUsize::new(0);
    let bucket = World::start(vec![file.clone()], move |world, asked| {
        let cut = (count.fetch_add(1, Ordering::Relaxed) == 0).then_some(1_000_000);
        Some(ranged(&world.bytes_of(asked)?, asked.from, cut))
    })
    .await;
    let target = bucket.address;
    let world = World::start(vec![file], move |_, asked| {
        let to = format!("http://{target}{}", asked.path);
        asked.is_for_bytes().then(|| (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response())
    })
    .await;
    bring(&world, folder.path()).await.expect("brought");
    assert_whole(folder.path(), &three()[1..2]);
    let asked = bucket.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].from.is_some() && asked.iter().all(|asked| asked.authorization.is_none()), "{asked:?}");
}

#[tokio::test]
async fn a_part_of_other_content_is_not_used_and_one_of_this_content_is() {
    let file = three().remove(1);
    for (part, expected) in [(Held::new(&file.name, bytes(9, 1000)), None), (file.clone(), Some(2_000_000))] {
        let folder = tempfile::tempdir().expect("a folder");
        let length = part.bytes.len().min(2_000_000);
        fs::write(folder.path().join(part_of(&part)), &part.bytes[..length]).expect("written");
        let world = World::honest(vec![file.clone()]).await;
        let report = bring(&world, folder.path()).await.expect("brought");
        assert_whole(folder.path(), std::slice::from_ref(&file));
        assert_eq!(world.asked_for_bytes().iter().map(|asked| asked.from).collect::<Vec<_>>(), [expected]);
        assert_eq!(report.received, 3_000_000 - expected.unwrap_or(0));
    }
}

#[tokio::test]
async fn a_whole_part_is_only_compared_and_one_that_is_too_long_begins_anew() {
    let file = three().remove(2);
    let mut too_long = file.bytes.clone();
    too_long.push(0);
    for (part, requests) in [(file.bytes.clone(), 0), (too_long, 1)] {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(part_of(&file)), part).expect("written");
        let world = World::honest(vec![file.clone()]).await;
        bring(&world, folder.path()).await.expect("brought");
        assert_whole(folder.path(), std::slice::from_ref(&file));
        assert_eq!(world.asked_for_bytes().len(), requests);
    }
}

#[tokio::test]
async fn a_run_that_is_killed_on_the_way_is_taken_up_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = Held::new("data.tar", bytes(7, 6_000_000));
    let world = World::start(vec![file.clone()], |world, asked| {
        let bytes = world.bytes_of(asked)?;
        let sent = futures_util::stream::iter([Ok::<_, io::Error>(bytes[..5_000_000].to_vec())]);
        let body = axum::body::Body::from_stream(sent.chain(futures_util::stream::pending()));
        asked.from.is_none().then(|| ([("content-length", bytes.len().to_string())], body).into_response())
    })
    .await;
    let part = folder.path().join(part_of(&file));
    let far_enough = async {
        while fs::metadata(&part).map_or(0, |part| part.len()) < 2_000_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        outcome = bring(&world, folder.path()) => panic!("{outcome:?}"),
        () = far_enough => {}
    }
    let report = loop {
        match bring(&world, folder.path()).await {
            // A last piece may still be on its way to the disk, and keeps the folder as long.
            Err(ClientError::Busy(_)) => tokio::time::sleep(Duration::from_millis(1)).await,
            outcome => break outcome.expect("brought"),
        }
    };
    assert_whole(folder.path(), std::slice::from_ref(&file));
    let from = world.asked_for_bytes().last().and_then(|asked| asked.from).expect("a range");
    assert!(from >= 2_000_000, "{from}");
    assert_eq!(report.received, 6_000_000 - from);
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_keeps_every_byte_it_got() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<Held> = (0..4).map(|file| Held::new(&format!("{file}.tar"), bytes(file, 3_000_000))).collect();
    let world = World::start(files.clone(), |world, asked| {
        let bytes = world.bytes_of(asked)?;
        let sent = futures_util::stream::iter([Ok::<_, io::Error>(bytes[..1_700_000].to_vec())]);
        let body = axum::body::Body::from_stream(sent.chain(futures_util::stream::pending()));
        Some(([("content-length", bytes.len().to_string())], body).into_response())
    })
    .await;
    let (sender, stop) = watch::channel(false);
    let api = world.api();
    let (track, settings) = (track(), settings(folder.path()));
    let running = download(&api, &track, &settings, stop, quiet());
    let stopping = async {
        // The answers begin at once; what of them has come by then is kept.
        tokio::time::sleep(Duration::from_millis(1000)).await;
        sender.send(true).expect("somebody listens");
    };
    let (outcome, ()) = tokio::join!(running, stopping);
    assert!(matches!(outcome, Err(ClientError::Stopped)), "{outcome:?}");
    let length = |file: &Held| fs::metadata(folder.path().join(part_of(file))).map_or(0, |part| part.len());
    // Three at once: the fourth is not begun.
    assert_eq!(files.iter().map(length).collect::<Vec<_>>(), [1_700_000, 1_700_000, 1_700_000, 0]);
    assert_eq!(world.asked_for_bytes().len(), 3);
}

#[tokio::test]
async fn another_file_in_the_place_is_put_aside_and_never_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = three().remove(2);
    let place = folder.path().join(&file.name);
    let same_size = bytes(8, file.bytes.len());
    fs::write(&place, &same_size).expect("written");
    let world = World::honest(vec![file.clone()]).await;
    bring(&world, folder.path()).await.expect("brought");
    fs::write(&place, "short").expect("written");
    bring(&world, folder.path()).await.expect("brought");
    assert!(fs::read(&place).expect("there") == file.bytes);
    assert!(fs::read(folder.path().join("inf-dev.tar.differs")).expect("there") == same_size);
    assert_eq!(fs::read(folder.path().join("inf-dev.tar.differs.2")).expect("there"), b"short");
    assert_eq!(names(folder.path()).len(), 3);
}

#[tokio::test]
async fn one_run_at_a_time_is_at_work_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::honest(three()).await;
    let first = Folder::open(folder.path()).expect("free");
    assert!(matches!(bring(&world, folder.path()).await, Err(ClientError::Busy(_))));
    drop(first);
    bring(&world, folder.path()).await.expect("free again");
}

#[tokio::test]
async fn how_files_stand_is_told_without_a_trace() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("cifar10");
    let world = World::honest(three()).await;
    let (api, track, settings) = (world.api(), track(), settings(&folder));
    let told = async || {
        let files = standings(&api, &track, &settings, run_on()).await.expect("a list");
        files.into_iter().map(|(_, standing)| standing).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [Standing::Missing; 4]);
    assert!(!folder.exists());
    fs::create_dir(&folder).expect("made");
    let [sums, train, dev, _] = three().try_into().expect("four");
    fs::write(folder.join(&sums.name), &sums.bytes).expect("written");
    fs::write(folder.join(part_of(&train)), &train.bytes[..5]).expect("written");
    fs::write(folder.join(&dev.name), "x").expect("written");
    assert_eq!(told().await, [Standing::Unchecked, Standing::Partial(5), Standing::Differs, Standing::Missing]);
    download(&api, &track, &settings, run_on(), quiet()).await.expect("brought");
    assert_eq!(told().await, [Standing::Present; 4]);
    assert_eq!(world.asked_for_bytes().len(), 2);
}

#[tokio::test]
async fn archives_are_unpacked_once_and_again_when_it_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(7);
    archive.append_data(&mut header, "cifar10/inf/train/model_0/model.onnx", &b"network"[..]).expect("appended");
    let archive = archive.into_inner().expect("an archive");
    let world = World::honest(vec![Held::new("inf-train.tar", archive), three().remove(0)]).await;
    let settings = Settings { unpack: true, ..settings(folder.path()) };
    let run = async || {
        let report = download(&world.api(), &track(), &settings, run_on(), quiet()).await.expect("brought");
        report.unpacked.iter().map(|unpacked| unpacked.written).collect::<Vec<_>>()
    };
    assert_eq!(run().await, [1]);
    let model = folder.path().join("cifar10/inf/train/model_0/model.onnx");
    assert_eq!(fs::read(&model).expect("there"), b"network");
    assert!(run().await.is_empty(), "once is enough");
    fs::remove_dir_all(folder.path().join("cifar10")).expect("removed");
    assert_eq!(run().await, [1]);
    assert!(model.exists());
}
