//! Downloads from a server in the same process that fails in the ways servers fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use super::*;
use crate::tests::{TestFile, TestRequest, TestServer, bytes, noise, problem, ranged};

fn track() -> TrackName {
    "mico/cifar10".parse().expect("a track")
}

fn settings(folder: &Path) -> Settings {
    let jobs = NonZero::new(3).expect("not zero");
    Settings { folder: folder.to_owned(), selection: FileSelection::default(), jobs, unpack: false }
}

/// A stop signal that never comes.
fn never_stopped() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    // A dropped sender would mean stop.
    std::mem::forget(sender);
    receiver
}

fn quiet() -> EventHandler {
    Arc::new(|_| {})
}

async fn download_into(server: &TestServer, folder: &Path) -> Result<Report, ClientError> {
    download(&server.api(), &track(), &settings(folder), never_stopped(), quiet()).await
}

/// The names in a folder, without the client's own files.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    entries.map(|name| name.into_string().expect("a name")).filter(|name| !name.starts_with(".callimico")).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn three() -> Vec<TestFile> {
    vec![
        TestFile::new("SHA256SUMS", bytes(1, 300)),
        TestFile::new("inf-train.tar", bytes(2, 3_000_000)),
        TestFile::new("inf-dev.tar", bytes(3, 400_000)),
        TestFile::new("empty", Vec::new()),
    ]
}

fn assert_whole(folder: &Path, held: &[TestFile]) {
    for file in held {
        assert!(fs::read(folder.join(&file.name)).expect("there") == file.bytes, "{} is not as it was", file.name);
    }
    assert_eq!(names(folder), held.iter().map(|file| file.name.clone()).collect(), "nothing else is left");
}

fn part_of(held: &TestFile) -> String {
    format!("{}{}", held.name, part::ending(&held.sha256()))
}

#[tokio::test]
async fn a_second_run_fetches_nothing_and_a_lost_record_costs_no_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("new/cifar10");
    let server = TestServer::start(three()).await;
    let report = download_into(&server, &folder).await.expect("downloaded");
    assert_whole(&folder, &three());
    assert!(report.files.iter().all(|file| file.outcome == FetchOutcome::Downloaded));
    assert_eq!(report.received, 3_400_300);
    let order: Vec<_> = report.files.iter().map(|file| file.file.name.as_str()).collect();
    assert_eq!(order, ["SHA256SUMS", "inf-train.tar", "inf-dev.tar", "empty"]);
    // An empty file needs no request.
    assert_eq!((server.asked().len(), server.asked_for_bytes().len()), (4, 3));
    assert!(server.asked_for_bytes().iter().all(|asked| asked.authorization.is_none()), "bytes need no token");

    for lost in [false, true] {
        if lost {
            fs::write(folder.join(".callimico.json"), "{").expect("written");
        }
        let report = download_into(&server, &folder).await.expect("all there");
        assert!(report.files.iter().all(|file| file.outcome == FetchOutcome::Present));
        assert_eq!((report.received, server.asked_for_bytes().len()), (0, 3));
    }
}

#[tokio::test]
async fn connections_cut_anywhere_cost_time_and_no_byte_is_wrong() {
    for seed in 1..=4 {
        let folder = tempfile::tempdir().expect("a folder");
        let next = Mutex::new(noise(seed));
        let server = TestServer::with_fault(three(), move |server, asked| {
            let bytes = server.bytes_of(asked)?;
            let cut = (next.lock().expect("no poison"))() % 200_000;
            Some(ranged(&bytes, asked.from, Some(usize::try_from(cut).expect("small"))))
        })
        .await;
        let report = download_into(&server, folder.path()).await.expect("downloaded");
        assert_whole(folder.path(), &three());
        assert_eq!(report.received, 3_400_300, "no byte is counted twice");
        let resumed = server.asked_for_bytes().iter().filter(|asked| asked.from.is_some()).count();
        // At most 200 000 bytes come with each of at least 17 answers.
        assert!(resumed >= 15, "{resumed}");
    }
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_sends_all_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = AtomicUsize::new(0);
    let server = TestServer::with_fault(vec![three().remove(1)], move |server, asked| {
        let bytes = server.bytes_of(asked)?;
        let cut = [Some(2_000_000), Some(1_000_000), None][count.fetch_add(1, Ordering::Relaxed).min(2)];
        Some(ranged(&bytes, None, cut))
    })
    .await;
    download_into(&server, folder.path()).await.expect("downloaded");
    assert_whole(folder.path(), &three()[1..2]);
    let ranges: Vec<_> = server.asked_for_bytes().iter().map(|asked| asked.from).collect();
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
        let server = TestServer::with_fault(three(), move |server, asked| {
            let mut bytes = server.bytes_of(asked)?;
            if asked.path == is_bad && count.fetch_add(1, Ordering::Relaxed) < wrong_answers {
                bytes[1000] ^= 1;
            }
            Some(ranged(&bytes, asked.from, None))
        })
        .await;
        let outcome = download_into(&server, folder.path()).await;
        let asked = server.asked_for_bytes();
        assert_eq!(asked.iter().filter(|asked| asked.path.ends_with(&bad.sha256())).count(), 2);
        assert!(asked.iter().all(|asked| asked.from.is_none()), "from its beginning");
        if wrong_answers == 1 {
            outcome.expect("downloaded");
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
    let old = TestFile::new("data.tar", bytes(5, 900_000));
    let new = TestFile::new("data.tar", bytes(6, 500_000));
    let replacement = new.clone();
    let server = TestServer::with_fault(vec![old.clone()], move |server, asked| {
        let bytes = server.bytes_of(asked)?;
        if asked.from.is_some() || bytes.len() == 500_000 {
            return None;
        }
        // It is replaced while it is sent.
        *server.held.lock().expect("no poison") = vec![replacement.clone()];
        Some(ranged(&bytes, None, Some(400_000)))
    })
    .await;
    let told = Arc::new(Mutex::new(ByteCounts::default()));
    let last = Arc::clone(&told);
    let tell: EventHandler = Arc::new(move |event| {
        if let Event::Progress(progress) = event {
            *last.lock().expect("no poison") = progress;
        }
    });
    let report =
        download(&server.api(), &track(), &settings(folder.path()), never_stopped(), tell).await.expect("downloaded");
    assert_whole(folder.path(), std::slice::from_ref(&new));
    assert_eq!((report.received, report.files[0].file.sha256.clone()), (500_000, new.sha256()));
    assert_eq!(*told.lock().expect("no poison"), ByteCounts { done: 500_000, found: 0, total: 500_000 });
    assert_eq!(server.asked().len() - server.asked_for_bytes().len(), 2, "the list is asked for once more");
}

#[tokio::test]
async fn an_enrolment_that_ends_on_the_way_is_said_and_the_part_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = three().remove(1);
    let server = TestServer::with_fault(vec![file.clone()], |server, asked| {
        if asked.is_for_bytes() {
            return Some(match asked.from {
                None => ranged(&server.bytes_of(asked)?, None, Some(1_500_000)),
                Some(_) => problem(403, "gone"),
            });
        }
        let is_first = server.asked().len() == 1;
        (!is_first).then(|| problem(403, "your enrolment is withdrawn"))
    })
    .await;
    let error = download_into(&server, folder.path()).await.expect_err("not allowed any more");
    assert!(matches!(&error, ClientError::NotAllowed(said) if said.contains("withdrawn")), "{error}");
    let kept = fs::read(folder.path().join(part_of(&file))).expect("a part");
    assert!(!kept.is_empty() && file.bytes.starts_with(&kept));
}

#[tokio::test]
async fn addresses_that_expire_are_renewed_for_all_jobs_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<TestFile> = (0..3).map(|file| TestFile::new(&format!("{file}.tar"), bytes(file, 500_000))).collect();
    // Each file's first answer breaks off, and its address has expired when the rest is asked for.
    let expired = Mutex::new(BTreeSet::new());
    let server = TestServer::with_fault(files.clone(), move |server, asked| match asked.from {
        None => Some(ranged(&server.bytes_of(asked)?, None, Some(200_000))),
        Some(_) => expired
            .lock()
            .expect("no poison")
            .insert(asked.path.clone())
            .then(|| problem(403, "the address has run out")),
    })
    .await;
    download_into(&server, folder.path()).await.expect("downloaded");
    assert_whole(folder.path(), &files);
    assert_eq!(server.asked_for_bytes().len(), 9);
    assert_eq!(server.asked().len() - server.asked_for_bytes().len(), 2, "one new list for all three");
}

#[tokio::test]
async fn an_address_that_never_holds_ends_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let fault = |_: &TestServer, asked: &TestRequest| asked.is_for_bytes().then(|| problem(404, "no"));
    let server = TestServer::with_fault(vec![three().remove(1)], fault).await;
    let error = download_into(&server, folder.path()).await.expect_err("nothing to be had");
    assert!(matches!(error, ClientError::Network { .. }), "{error}");
    assert_eq!(server.asked_for_bytes().len(), 4);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_but_not_for_ever() {
    let file = vec![three().remove(0)];
    for (status, busy) in [(503, 7), (429, 7), (500, 8)] {
        let folder = tempfile::tempdir().expect("a folder");
        let count = AtomicUsize::new(0);
        let server = TestServer::with_fault(file.clone(), move |_, asked| {
            let is_busy = asked.is_for_bytes() && count.fetch_add(1, Ordering::Relaxed) < busy;
            is_busy.then(|| problem(status, "later"))
        })
        .await;
        let outcome = download_into(&server, folder.path()).await;
        assert_eq!(server.asked_for_bytes().len(), 8);
        match busy {
            7 => assert!(outcome.is_ok(), "{outcome:?}"),
            _ => assert!(matches!(outcome, Err(ClientError::Network { .. })), "{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn silence_counts_as_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::with_fault(vec![three().remove(1)], |server, asked| {
        let bytes = server.bytes_of(asked)?;
        if asked.from.is_some() {
            return None;
        }
        let sent = futures_util::stream::iter([Ok::<_, io::Error>(bytes[..700_000].to_vec())]);
        let body = axum::body::Body::from_stream(sent.chain(futures_util::stream::pending()));
        Some(([("content-length", bytes.len().to_string())], body).into_response())
    })
    .await;
    let api = server.api_with(crate::tests::TOKEN, Duration::from_millis(300));
    download(&api, &track(), &settings(folder.path()), never_stopped(), quiet()).await.expect("downloaded");
    assert_whole(folder.path(), &three()[1..2]);
    assert_eq!(server.asked_for_bytes().last().and_then(|asked| asked.from), Some(700_000));
}

#[tokio::test]
async fn a_name_that_leads_out_of_the_folder_ends_it_before_anything_is_written() {
    let home = tempfile::tempdir().expect("a folder");
    let server = TestServer::start(vec![TestFile::new("../evil", bytes(1, 10))]).await;
    let error = download_into(&server, &home.path().join("cifar10")).await.expect_err("no such name");
    assert!(matches!(error, ClientError::List(_)), "{error}");
    assert_eq!((names(home.path()), server.asked_for_bytes().len()), (BTreeSet::new(), 0));
}

#[tokio::test]
async fn bytes_may_lie_on_another_host_and_the_range_goes_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = three().remove(1);
    let count = AtomicUsize::new(0);
    let bucket = TestServer::with_fault(vec![file.clone()], move |server, asked| {
        let cut = (count.fetch_add(1, Ordering::Relaxed) == 0).then_some(1_000_000);
        Some(ranged(&server.bytes_of(asked)?, asked.from, cut))
    })
    .await;
    let target = bucket.address;
    let server = TestServer::with_fault(vec![file], move |_, asked| {
        let to = format!("http://{target}{}", asked.path);
        asked.is_for_bytes().then(|| (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response())
    })
    .await;
    download_into(&server, folder.path()).await.expect("downloaded");
    assert_whole(folder.path(), &three()[1..2]);
    let asked = bucket.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].from.is_some() && asked.iter().all(|asked| asked.authorization.is_none()), "{asked:?}");
}

#[tokio::test]
async fn a_part_of_other_content_is_not_used_and_one_of_this_content_is() {
    let file = three().remove(1);
    for (part, expected) in [(TestFile::new(&file.name, bytes(9, 1000)), None), (file.clone(), Some(2_000_000))] {
        let folder = tempfile::tempdir().expect("a folder");
        let length = part.bytes.len().min(2_000_000);
        fs::write(folder.path().join(part_of(&part)), &part.bytes[..length]).expect("written");
        let server = TestServer::start(vec![file.clone()]).await;
        let report = download_into(&server, folder.path()).await.expect("downloaded");
        assert_whole(folder.path(), std::slice::from_ref(&file));
        assert_eq!(server.asked_for_bytes().iter().map(|asked| asked.from).collect::<Vec<_>>(), [expected]);
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
        let server = TestServer::start(vec![file.clone()]).await;
        download_into(&server, folder.path()).await.expect("downloaded");
        assert_whole(folder.path(), std::slice::from_ref(&file));
        assert_eq!(server.asked_for_bytes().len(), requests);
    }
}

#[tokio::test]
async fn a_run_that_is_killed_on_the_way_is_taken_up_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = TestFile::new("data.tar", bytes(7, 6_000_000));
    let server = TestServer::with_fault(vec![file.clone()], |server, asked| {
        let bytes = server.bytes_of(asked)?;
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
        outcome = download_into(&server, folder.path()) => panic!("{outcome:?}"),
        () = far_enough => {}
    }
    let report = loop {
        match download_into(&server, folder.path()).await {
            // The last bytes may still be being written, and the folder is locked until they are.
            Err(ClientError::Busy(_)) => tokio::time::sleep(Duration::from_millis(1)).await,
            outcome => break outcome.expect("downloaded"),
        }
    };
    assert_whole(folder.path(), std::slice::from_ref(&file));
    let from = server.asked_for_bytes().last().and_then(|asked| asked.from).expect("a range");
    assert!(from >= 2_000_000, "{from}");
    assert_eq!(report.received, 6_000_000 - from);
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_keeps_every_byte_it_got() {
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<TestFile> =
        (0..4).map(|file| TestFile::new(&format!("{file}.tar"), bytes(file, 3_000_000))).collect();
    let server = TestServer::with_fault(files.clone(), |server, asked| {
        let bytes = server.bytes_of(asked)?;
        let sent = futures_util::stream::iter([Ok::<_, io::Error>(bytes[..1_700_000].to_vec())]);
        let body = axum::body::Body::from_stream(sent.chain(futures_util::stream::pending()));
        Some(([("content-length", bytes.len().to_string())], body).into_response())
    })
    .await;
    let (sender, stop) = watch::channel(false);
    let api = server.api();
    let (track, settings) = (track(), settings(folder.path()));
    let running = download(&api, &track, &settings, stop, quiet());
    let stopping = async {
        // The answers begin at once; what has come by then is kept.
        tokio::time::sleep(Duration::from_millis(1000)).await;
        sender.send(true).expect("somebody listens");
    };
    let (outcome, ()) = tokio::join!(running, stopping);
    assert!(matches!(outcome, Err(ClientError::Stopped)), "{outcome:?}");
    let length = |file: &TestFile| fs::metadata(folder.path().join(part_of(file))).map_or(0, |part| part.len());
    // Three at once: the fourth is not begun.
    assert_eq!(files.iter().map(length).collect::<Vec<_>>(), [1_700_000, 1_700_000, 1_700_000, 0]);
    assert_eq!(server.asked_for_bytes().len(), 3);
}

#[tokio::test]
async fn another_file_in_the_place_is_put_aside_and_never_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = three().remove(2);
    let place = folder.path().join(&file.name);
    let same_size = bytes(8, file.bytes.len());
    fs::write(&place, &same_size).expect("written");
    let server = TestServer::start(vec![file.clone()]).await;
    download_into(&server, folder.path()).await.expect("downloaded");
    fs::write(&place, "short").expect("written");
    download_into(&server, folder.path()).await.expect("downloaded");
    assert!(fs::read(&place).expect("there") == file.bytes);
    assert!(fs::read(folder.path().join("inf-dev.tar.differs")).expect("there") == same_size);
    assert_eq!(fs::read(folder.path().join("inf-dev.tar.differs.2")).expect("there"), b"short");
    assert_eq!(names(folder.path()).len(), 3);
}

#[tokio::test]
async fn one_run_at_a_time_is_at_work_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start(three()).await;
    let first = Folder::open(folder.path()).expect("free");
    assert!(matches!(download_into(&server, folder.path()).await, Err(ClientError::Busy(_))));
    drop(first);
    download_into(&server, folder.path()).await.expect("free again");
}

#[tokio::test]
async fn how_files_stand_is_told_without_a_trace() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("cifar10");
    let server = TestServer::start(three()).await;
    let (api, track, settings) = (server.api(), track(), settings(&folder));
    let told = async || {
        let files = local_states(&api, &track, &settings, never_stopped()).await.expect("a list");
        files.into_iter().map(|(_, local_state)| local_state).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [LocalState::Missing; 4]);
    assert!(!folder.exists());
    fs::create_dir(&folder).expect("made");
    let [sums, train, dev, _] = three().try_into().expect("four");
    fs::write(folder.join(&sums.name), &sums.bytes).expect("written");
    fs::write(folder.join(part_of(&train)), &train.bytes[..5]).expect("written");
    fs::write(folder.join(&dev.name), "x").expect("written");
    assert_eq!(told().await, [LocalState::Unchecked, LocalState::Partial(5), LocalState::Differs, LocalState::Missing]);
    download(&api, &track, &settings, never_stopped(), quiet()).await.expect("downloaded");
    assert_eq!(told().await, [LocalState::Present; 4]);
    assert_eq!(server.asked_for_bytes().len(), 2);
}

#[tokio::test]
async fn archives_are_unpacked_once_and_again_when_it_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(7);
    archive.append_data(&mut header, "cifar10/inf/train/model_0/model.onnx", &b"network"[..]).expect("appended");
    let archive = archive.into_inner().expect("an archive");
    let server = TestServer::start(vec![TestFile::new("inf-train.tar", archive), three().remove(0)]).await;
    let settings = Settings { unpack: true, ..settings(folder.path()) };
    let run = async || {
        let report = download(&server.api(), &track(), &settings, never_stopped(), quiet()).await.expect("downloaded");
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
