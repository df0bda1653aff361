//! A disk that is full, fails, or does half of what it is asked for.

use super::*;

/// The bytes of everything there is.
pub(super) fn used(disk: &SimDisk) -> u64 {
    let len = |path: PathBuf| disk.entry_at(path).map_or(0, |entry| entry.len());
    let within =
        |dir: &str| disk.names(dir).into_iter().map(|name| len(Path::new(dir).join(name))).sum::<u64>();
    within("/store") + within("/store/mirror") + within("/store/imported")
}

#[test]
fn on_a_full_disk_the_file_can_be_read_and_is_brought_up_to_date_when_there_is_room() {
    let mut failed = 0;
    for room in 0..700 {
        let (disk, model) = begun();
        disk.set_capacity(used(&disk) + room);
        let before = loaded(&disk);
        let drained = drain(&disk, 1, &model);
        failed += usize::from(drained.is_err());
        let (now, shown) = (loaded(&disk), Ok(model.lines()));
        assert!(
            now == before || now == shown,
            "with room for {room} bytes the file is the old or the new one: {now:?}"
        );
        disk.set_capacity(u64::MAX);
        drain(&disk, 1, &model).unwrap();
        assert_shown(&disk, &model, &format!("when there is room again, after {room} bytes"));
    }
    assert!((100..700).contains(&failed), "some room is too little, and some is enough: {failed}");
}

#[test]
fn whatever_fails_at_any_call_the_next_drain_repairs() {
    for (failure, lasts) in Failure::ALL.into_iter().flat_map(|failure| [(failure, false), (failure, true)]) {
        for nth in 1.. {
            let (disk, model) = begun();
            let calls = disk.calls().len() as u64;
            let fault = Fault::at(nth, failure);
            disk.fail(if lasts { fault.for_ever() } else { fault });
            let drained = drain(&disk, 1, &model);
            let made = disk.calls().len() as u64 - calls;
            disk.heal();
            let content = String::from_utf8_lossy(&disk.read(FILE).unwrap()).into_owned();
            assert!(content.contains("\"Ada\""), "{failure:?} at call {nth}: nobody misses Ada: {content}");
            if drained.is_ok() {
                assert_shown(
                    &disk,
                    &model,
                    &format!("when a drain ends well that met {failure:?} at call {nth}"),
                );
            }
            drain(&disk, 1, &model).unwrap();
            assert_shown(&disk, &model, &format!("after {failure:?} at call {nth}"));
            if made < nth {
                break;
            }
        }
    }
}

#[test]
fn where_there_is_no_room_for_another_file_this_one_keeps_its_blanks_and_no_call_fails() {
    let (disk, model) = begun_on(SimDisk::with_block_size(1 << 20));
    let lines = lines_on(&disk, 1);
    let change = |n: usize| {
        model.delete("Eve");
        model.observe("Eve", &format!("{n} {}", "x".repeat(9000)));
        lines.drain(&model, &|| Ok(())).unwrap();
        assert_shown(&disk, &model, "with many blanks");
        disk.read(FILE).unwrap().len()
    };
    let before = replacements(&disk);
    disk.fail(Fault::at(1, Failure::NoSpace).only(Call::Exchange).for_ever());
    let len = (0..50).map(change).max().unwrap();
    assert!(len > 400_000, "the file grows: {len}");
    assert!(
        (2..5).contains(&(replacements(&disk) - before)),
        "it is tried again and again, and not by every call"
    );
    disk.heal();
    assert!((0..120).map(change).any(|now| now < len), "where there is room, the blanks go");
}

#[test]
fn half_a_line_is_taken_back() {
    let (disk, model) = begun();
    let before = disk.read(FILE);
    disk.fail(Fault::at(1, Failure::Short).only(Call::Append));
    disk.fail(Fault::at(2, Failure::NoSpace).only(Call::Append));
    drain(&disk, 1, &model).unwrap_err();
    assert_eq!(disk.read(FILE), before, "who reads the file meets no half line");
}

#[test]
fn half_a_line_of_ours_takes_nothing_of_others_with_it() {
    let (disk, model) = begun();
    disk.fail(Fault::at(1, Failure::Short).only(Call::Append));
    disk.fail(Fault::at(2, Failure::NoSpace).only(Call::Append));
    let theirs = Line::Entity(&Entity::new("theirs", "thing").observed("t")).to_json().unwrap();
    let content = format!("\n{theirs}\n");
    let before = disk.calls().len();
    drain(&disk, 1, &model).unwrap_err();
    let calls = disk.calls().split_off(before);
    let first = calls.iter().position(|(call, _)| *call == Call::Append).unwrap() as u64 + 1;
    let (disk, model) = begun();
    disk.fail(Fault::at(1, Failure::Short).only(Call::Append));
    disk.fail(Fault::at(2, Failure::NoSpace).only(Call::Append));
    disk.before(first + 1, move |disk| {
        let file = Files::on(disk).open_in_place(FILE.as_ref()).unwrap().unwrap();
        let end = file.entry().unwrap().len();
        file.write(content.as_bytes(), end).unwrap();
    });
    drain(&disk, 1, &model).unwrap_err();
    drain(&disk, 1, &model).unwrap();
    assert!(model.lines().contains(&theirs), "what they wrote behind our half line is in the graph");
    assert_shown(&disk, &model, "after half a line");
}

#[test]
fn a_file_whose_sync_failed_is_replaced_also_if_it_has_the_right_content() {
    let (disk, model) = begun();
    drain(&disk, 1, &model).unwrap();
    drain(&disk, 2, &model).unwrap();
    let before = replacements(&disk);
    drain(&disk, 3, &model).unwrap();
    assert_eq!(replacements(&disk), before, "a file that is right stays");
    disk.fail(Fault::at(1, Failure::Io).only(Call::SyncData));
    drain(&disk, 4, &model).unwrap_err();
    drain(&disk, 4, &model).unwrap();
    assert_eq!(replacements(&disk), before + 1, "after a failed sync only another file will do");
    assert_shown(&disk, &model, "after a failed sync");
}

#[test]
fn a_graph_that_cannot_forget_changes_now_fails_no_drain() {
    let (disk, model) = begun();
    model.0.borrow_mut().is_stuck = true;
    for boot in [1, 2] {
        model.0.borrow_mut().now_ms += 10_000;
        model.observe("Ada", &format!("in boot {boot}"));
        drain(&disk, boot, &model).expect("the file shows everything");
        assert_shown(&disk, &model, "while nothing is forgotten");
    }
    model.0.borrow_mut().is_stuck = false;
    drain(&disk, 3, &model).unwrap();
    assert_eq!(
        model.0.borrow().durable,
        model.0.borrow().rows.len() as u64,
        "the next time brings these too"
    );
}
