//! Another program that changes the file in place, at every call of a drain.

use super::*;

#[derive(Debug, Clone, Copy)]
enum Edit {
    /// A line at the end.
    Append,
    /// Everything is cut off, and one line is written.
    Anew,
    /// An observation in other letters, where it stands.
    Letters,
}

fn theirs() -> String {
    Line::Entity(&Entity::new("theirs", "thing").observed("t")).to_json().unwrap() + "\n"
}

impl Edit {
    fn make(self, disk: &SimDisk) {
        let file = Files::on(disk).open_in_place(FILE.as_ref()).unwrap().unwrap();
        match self {
            Self::Append => assert!(file.append(theirs().as_bytes()).unwrap()),
            Self::Anew => {
                file.set_len(0).unwrap();
                file.write(theirs().as_bytes(), 0).unwrap();
            }
            Self::Letters => {
                let content = String::from_utf8(file.read_all().unwrap()).unwrap();
                file.write(content.replace(r#""a""#, r#""A""#).as_bytes(), 0).unwrap();
            }
        }
    }

    fn is_merged(self, model: &Model) -> bool {
        let has = |what: &str| model.lines().iter().any(|line| line.contains(what));
        has(if matches!(self, Self::Letters) { r#""A""# } else { r#""theirs""# })
    }
}

/// Which call of a drain an edit came before, and whether it is in the graph in the end; `None` if there is no such call.
fn edited_at(nth: u64, edit: Edit) -> Option<((Call, PathBuf), bool)> {
    let (disk, model) = begun();
    let before = disk.calls().len();
    let made = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&made);
    disk.before(nth, move |disk| {
        edit.make(disk);
        *noted.lock() = Some(disk.calls().len() - before);
    });
    drain(&disk, 1, &model).unwrap();
    drain(&disk, 1, &model).unwrap();
    let made = (*made.lock())?;
    // In another boot the file is read whatever the cursor says.
    drain(&disk, 2, &model).unwrap();
    assert_shown(&disk, &model, &format!("after {edit:?} at call {nth}"));
    Some((disk.calls()[before + made].clone(), edit.is_merged(&model)))
}

#[test]
fn what_another_program_appends_at_any_call_is_merged() {
    for nth in 1.. {
        let Some((call, is_merged)) = edited_at(nth, Edit::Append) else {
            assert!(nth > 30, "a drain makes calls");
            return;
        };
        assert!(is_merged, "what they appended at call {nth}, {call:?}, is in the graph");
    }
}

/// Between the last look at a line and the blanks over it nobody can tell.
#[test]
fn what_another_program_writes_in_place_is_merged_unless_it_is_just_being_blanked() {
    for edit in [Edit::Anew, Edit::Letters] {
        for nth in 1.. {
            let Some(((call, path), is_merged)) = edited_at(nth, edit) else {
                assert!(nth > 30, "a drain makes calls");
                break;
            };
            let is_blanked = call == Call::WriteAt && path == Path::new(FILE);
            assert!(is_merged || is_blanked, "{edit:?} at call {nth}, {call:?} of {path:?}, is in the graph");
        }
    }
}
