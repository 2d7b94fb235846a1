//! Takes the mask off a payload (RFC 6455 section 5.3).
//! Leaves to `assembly.rs`: where the payload lies.

/// Unmasks `bytes`, the first of which was masked with the first byte of `key`.
pub(super) fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    // In blocks of this size the compiler uses the machine's widest registers.
    let mut block_key = [0; 32];
    for (index, byte) in block_key.iter_mut().enumerate() {
        *byte = key[index % 4];
    }
    let (blocks, rest) = bytes.as_chunks_mut::<32>();
    for block in blocks {
        for (byte, key) in block.iter_mut().zip(block_key) {
            *byte ^= key;
        }
    }
    for (byte, key) in rest.iter_mut().zip(block_key) {
        *byte ^= key;
    }
}
