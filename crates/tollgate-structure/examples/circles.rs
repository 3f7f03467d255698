//! Prints the circles of files in a crate, with the names that tie them.
//!
//! ```text
//! cargo run -p tollgate-structure --example circles -- src [limiter]
//! ```

use std::{env, path::Path};

use tollgate_structure::{Sources, circles, imports};

fn main() -> tollgate_structure::Result<()> {
    let mut arguments = env::args().skip(1);
    let src = arguments.next().unwrap_or_else(|| "src".to_owned());
    let folder = arguments.next().unwrap_or_default();

    let mut imports = imports(&Sources::read("crate", Path::new(&src))?);
    imports.retain(|file, _| file.is_in(&folder));
    imports
        .values_mut()
        .for_each(|targets| targets.retain(|file, _| file.is_in(&folder)));

    let circles = circles(&imports);
    for circle in &circles {
        println!("circle of {}:", circle.len());
        for from in circle {
            for (to, names) in imports[from].iter().filter(|(to, _)| circle.contains(to)) {
                println!(
                    "  {from} -> {to}: {}",
                    names
                        .iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join(", ")
                );
            }
        }
    }
    let files: usize = circles.iter().map(Vec::len).sum();
    println!(
        "{} circles, {files} files in them, the largest of {}",
        circles.len(),
        circles.first().map_or(0, Vec::len)
    );
    Ok(())
}
