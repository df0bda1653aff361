//! Recall on real conversations, where they are at hand.
//!
//! LoCoMo (Maharana et al., ACL 2024) may be used for evaluation only, so it is not part of the tree. `UNFORGET_DATA`
//! names the folder that has it; without that, `shared/data` beside the checkout is looked for.

use std::path::{Path, PathBuf};

use serde_json::Value;
use unforget::{Query, Stored, Unforget, parse_line};

/// Full-text search with neighbours and dates was measured to find 75 of 100 evidence turns among ten hits, over all
/// ten conversations of the set; three of them are here. Less than this means that ranking broke.
const FLOOR: f64 = 0.70;

fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("UNFORGET_DATA").map_or(beside, PathBuf::from).join("locomo-part");
    folder.is_dir().then_some(folder)
}

#[test]
fn the_evidence_for_questions_about_real_conversations_is_among_the_first_hits() {
    let Some(folder) = data() else {
        println!("skipped: LoCoMo is not at hand; name its folder with UNFORGET_DATA");
        return;
    };
    let root = tempfile::tempdir().expect("a directory");
    let mut found = Tally::default();
    for conversation in ["conv-26", "conv-41", "conv-48"] {
        let store = Unforget::open(root.path().join(conversation)).expect("the store opens");
        let turns: Vec<_> = lines(&folder, conversation, "turns").map(|line| parse_line(&line)).collect();
        let turns = turns.into_iter().collect::<Result<Vec<_>, _>>().expect("every line is a turn");
        let stored = store.memories().remember_all(turns).expect("every turn is stored");
        assert!(stored.iter().all(|stored| *stored == Stored::New));
        for line in lines(&folder, conversation, "questions") {
            let question: Value = serde_json::from_str(&line).expect("every line is a question");
            found.ask(&store, &question);
        }
    }
    println!(
        "{} questions: r@1 {:.3}, r@5 {:.3}, r@10 {:.3}",
        found.questions,
        found.at(0),
        found.at(1),
        found.at(2)
    );
    assert!(found.at(2) > FLOOR, "r@10 is {:.3}", found.at(2));
}

fn lines(folder: &Path, conversation: &str, kind: &str) -> impl Iterator<Item = String> {
    let path = folder.join(format!("{conversation}.{kind}.jsonl"));
    let text = std::fs::read_to_string(path).expect("the file can be read");
    text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// How much of the evidence was among the first hits, by how many hits are looked at.
#[derive(Default)]
struct Tally {
    questions: u32,
    shares: [f64; 3],
}

const DEPTHS: [usize; 3] = [1, 5, 10];

impl Tally {
    #[expect(clippy::cast_precision_loss, reason = "counts of ten at most")]
    fn ask(&mut self, store: &Unforget, question: &Value) {
        let evidence: Vec<&str> =
            question["evidence"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if evidence.is_empty() {
            return;
        }
        let text = question["question"].as_str().expect("a question has words");
        let hits = store.memories().recall(&Query::new(text).limit(10)).expect("it is answered");
        let rank = |id: &&str| hits.iter().position(|hit| hit.turn_id == **id);
        self.questions += 1;
        for (share, depth) in self.shares.iter_mut().zip(DEPTHS) {
            let found = evidence.iter().filter_map(rank).filter(|rank| *rank < depth).count();
            *share += found as f64 / evidence.len() as f64;
        }
    }

    fn at(&self, depth: usize) -> f64 {
        self.shares[depth] / f64::from(self.questions)
    }
}
