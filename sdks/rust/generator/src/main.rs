//! `msgbus-generator <FileDescriptorSet> <folder>`: what scripts/gen-proto.mjs runs.

use std::{env, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let (descriptors, out) = args
        .next()
        .zip(args.next())
        .ok_or("usage: msgbus-generator <FileDescriptorSet> <folder>")?;
    let set = prost_types::FileDescriptorSet::decode(fs::read(descriptors)?.as_slice())?;
    tonic_prost_build::configure()
        .build_server(false)
        // The client makes the channel itself; their `connect` would clash with calls of that name.
        .build_transport(false)
        // Payloads are shared, not copied, on their way from the frame to the program.
        .bytes(".")
        .out_dir(out)
        .compile_fds(set)?;
    Ok(())
}
