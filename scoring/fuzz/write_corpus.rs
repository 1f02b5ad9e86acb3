//! Writes the inputs that fuzzing begins with to `corpus/<target>/`, below the
//! working directory.

use std::fs;
use std::io;

use scoring_testkit::fuzz;

fn main() -> io::Result<()> {
    for (target, seeds) in [("archive", fuzz::archive_seeds()), ("csv", fuzz::csv_seeds())] {
        let folder = format!("corpus/{target}");
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(format!("{folder}/seed_{number:02}"), seed)?;
        }
    }
    Ok(())
}
