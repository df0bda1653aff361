//! Other people's programs: the official clients played against our server, and the official server beside it.
//!
//! They come from their registries into the build directory, so these tasks are asked for and never part of `verify`.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::invocation::Invocation;
use crate::workspace::Workspace;

/// The version beside which the documented figures were measured.
const OFFICIAL_SERVER: &str = "@modelcontextprotocol/server-memory@2026.8.31";
/// Both lines of the TypeScript SDK; the first speaks the protocol up to 2025-11-25, the second from then on too.
const TYPESCRIPT: [&str; 2] = ["@modelcontextprotocol/sdk@1", "@modelcontextprotocol/client@2"];
const PYTHON: &str = "mcp>=2";
/// How the two eras of the protocol are called in the stories.
const ERAS: [&str; 2] = ["legacy", "2026-07-28"];

/// Plays the same story with every official client; `false` when one of them was told something else.
pub(crate) fn clients(workspace: &Workspace) -> Result<bool, Error> {
    let program = build(workspace)?;
    Ok(typescript(workspace, &program)? & python(workspace, &program)?)
}

/// Runs the benchmark beside the official server; `part` is one of its words.
pub(crate) fn peers(workspace: &Workspace, part: Option<&str>) -> Result<bool, Error> {
    let Some(npm) = found("npm", "--version", workspace) else { return Ok(true) };
    let program = build(workspace)?;
    let scratch = scratch(workspace, "peers")?;
    demand(
        &Invocation::new(npm, &scratch)
            .words("install --no-audit --no-fund --prefix .")
            .arguments([OFFICIAL_SERVER]),
    )?;
    let official = scratch.join("node_modules/@modelcontextprotocol/server-memory/dist/index.js");
    Invocation::cargo(workspace.root())
        .words("bench -p unforget-bench --bench mcp -- --ours")
        .arguments([display(&program), "--official".into(), display(&official)])
        .arguments(part)
        .run()
}

fn typescript(workspace: &Workspace, program: &Path) -> Result<bool, Error> {
    let Some(npm) = found("npm", "--version", workspace) else { return Ok(true) };
    let scratch = scratch(workspace, "typescript")?;
    demand(
        &Invocation::new(npm, &scratch)
            .words("install --no-audit --no-fund --prefix .")
            .arguments(TYPESCRIPT),
    )?;
    // A script finds its packages beside itself.
    for script in ["story.mjs", "v1.mjs", "v2.mjs"] {
        let from = stories(workspace).join(script);
        std::fs::copy(&from, scratch.join(script)).map_err(Error::io("copy", &from))?;
    }
    let mut well = play(&scratch, "node", "v1.mjs", program, &[], &[])?;
    for era in ERAS {
        well &= play(&scratch, "node", "v2.mjs", program, &[], &[era])?;
    }
    Ok(well)
}

fn python(workspace: &Workspace, program: &Path) -> Result<bool, Error> {
    let Some(python) = found("python3", "--version", workspace) else { return Ok(true) };
    let scratch = scratch(workspace, "python")?;
    demand(&Invocation::new(python, &scratch).words("-m venv environment"))?;
    let python = display(&scratch.join("environment/bin/python"));
    demand(&Invocation::new(python.as_str(), &scratch).words("-m pip install --quiet").arguments([PYTHON]))?;
    let story = display(&stories(workspace).join("story.py"));
    let mut well = true;
    for era in ERAS {
        well &= play(&scratch, &python, &story, program, &[era], &[])?;
    }
    Ok(well)
}

/// Plays one story on a fresh memory file.
fn play(
    scratch: &Path,
    interpreter: &str,
    story: &str,
    program: &Path,
    before: &[&str],
    behind: &[&str],
) -> Result<bool, Error> {
    let memory = tempfile::tempdir_in(scratch).map_err(Error::io("create a directory in", scratch))?;
    let places = [display(program), display(memory.path())];
    let invocation = Invocation::new(interpreter, scratch)
        .arguments([story])
        .arguments(before.iter().copied())
        .arguments(places)
        .arguments(behind.iter().copied());
    let well = invocation.run()?;
    if !well {
        println!("failed: {invocation}");
    }
    Ok(well)
}

/// Builds the command and says where it is.
fn build(workspace: &Workspace) -> Result<PathBuf, Error> {
    demand(&Invocation::cargo(workspace.root()).words("build --release -p unforget-cli"))?;
    Ok(workspace.target().join("release").join(format!("unforget{}", std::env::consts::EXE_SUFFIX)))
}

/// The name of a program that is installed; otherwise a line says what is skipped for want of it.
fn found(program: &'static str, question: &str, workspace: &Workspace) -> Option<&'static str> {
    let answer = Invocation::new(program, workspace.root()).words(question).standard_output();
    if matches!(answer, Ok(Some(_))) {
        return Some(program);
    }
    println!("skipped what needs {program}: it is not installed");
    None
}

fn demand(invocation: &Invocation) -> Result<(), Error> {
    if invocation.run()? { Ok(()) } else { Err(Error::Failed { command: invocation.to_string() }) }
}

/// A directory for what is installed, kept between runs.
fn scratch(workspace: &Workspace, name: &str) -> Result<PathBuf, Error> {
    let scratch = workspace.target().join("elsewhere").join(name);
    std::fs::create_dir_all(&scratch).map_err(Error::io("create", &scratch))?;
    Ok(scratch)
}

fn stories(workspace: &Workspace) -> PathBuf {
    workspace.root().join("tests/clients")
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
