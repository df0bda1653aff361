//! What is not believed of a cursor and its slots.

use unforget_fs::disk::Disk as _;

use super::*;

#[test]
fn after_another_boot_the_file_is_read_whatever_the_cursor_says() {
    let (disk, model) = begun();
    drain(&disk, 1, &model).unwrap();
    let files = Files::on(&disk);
    let file = files.open_in_place(FILE.as_ref()).unwrap().unwrap();
    let end = file.entry().unwrap().len();
    file.write(&[0; 20], end - 20).unwrap();
    // As after a power failure that took what was written and kept what the file looks like.
    let mut cursor = Cursor::read(&files, CURSOR.as_ref()).unwrap().unwrap();
    cursor.look = Look::of(&file.entry().unwrap());
    cursor.write(&files, CURSOR.as_ref()).unwrap();
    drain(&disk, 1, &model).unwrap();
    assert!(loaded(&disk).is_err(), "in the same boot the cursor is believed");
    drain(&disk, 2, &model).unwrap();
    assert_shown(&disk, &model, "after another boot");
}

#[test]
fn a_database_that_was_set_back_and_went_on_is_noticed() {
    let (disk, model) = begun();
    let earlier = model.clone();
    for name in ["Dan", "Eli", "Fay"] {
        model.observe(name, "new");
    }
    drain(&disk, 1, &model).unwrap();
    // More changes than there were, and others.
    earlier.delete("Ada");
    while earlier.0.borrow().rows.len() <= model.0.borrow().rows.len() {
        earlier.observe("Eve", &format!("{}", earlier.0.borrow().rows.len()));
    }
    drain(&disk, 1, &earlier).unwrap();
    assert_shown(&disk, &earlier, "by a database that was put in the place of another");
}

#[test]
fn slots_that_are_gone_or_of_another_time_are_not_believed() {
    let (disk, model) = begun();
    drain(&disk, 1, &model).unwrap();
    let old = disk.read(SLOTS).unwrap();
    drain(&disk, 2, &model).unwrap();
    for slots in [&[][..], &old, &[0; 4096]] {
        disk.put(SLOTS, slots);
        model.observe("Ada", &format!("{} bytes of slots", slots.len()));
        drain(&disk, 2, &model).unwrap();
        assert_shown(&disk, &model, "with slots that are not of the cursor");
    }
}

#[test]
fn a_file_with_another_name_is_brought_up_to_date() {
    let (disk, model) = begun();
    drain(&disk, 1, &model).unwrap();
    drain(&disk, 2, &model).unwrap();
    let dir = disk.open_dir(None, "/store".as_ref()).unwrap();
    disk.link(&dir, "memory.jsonl".as_ref(), "backup.jsonl".as_ref()).unwrap();
    let kept = disk.read(FILE);
    drain(&disk, 2, &model).expect("another name is not another program");
    model.observe("Dan", "d");
    drain(&disk, 2, &model).unwrap();
    assert_shown(&disk, &model, "beside another name");
    assert_eq!(disk.read("/store/backup.jsonl"), kept, "what has the other name is as it was");
}
