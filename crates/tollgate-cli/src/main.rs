//! The `tollgate` command, which is also the function of a stack on AWS Lambda.

use std::process::ExitCode;

fn main() -> ExitCode {
    if tollgate_lambda::is_function() {
        return tollgate_lambda::run();
    }
    tollgate_cli::main()
}
