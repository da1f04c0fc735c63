"""A small Llama checkpoint in transformers' format, written again as the one file that llama.cpp reads.

In 32-bit floats, so that what another engine computes from it can be compared to the last few digits. Only what
the starter has: rotary positions without scaling, a byte-level BPE tokenizer split as GPT-2 splits, tied embeddings.
"""

import json
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

_WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
}
_BLOCK = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(folder: Path, file: Path) -> Path:
    """Write the checkpoint in `folder` to `file` and return it."""
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "llama"
    assert config["tie_word_embeddings"]
    assert config["rope_parameters"]["rope_type"] == "default"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_name("starter")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_tokenizer(writer, folder, config)
    for name, tensor in load_file(folder / "model.safetensors").items():
        heads = {
            "self_attn.q_proj": config["num_attention_heads"],
            "self_attn.k_proj": config["num_key_value_heads"],
        }
        turned = next((_rotary(tensor, n) for part, n in heads.items() if part in name), tensor)
        writer.add_tensor(_tensor_name(name), np.ascontiguousarray(turned, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, config: dict[str, object]) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    assert tokenizer["normalizer"] is None
    assert tokenizer["pre_tokenizer"] == {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    model = tokenizer["model"]
    special = {token["id"] for token in tokenizer["added_tokens"]}
    texts = sorted(model["vocab"], key=model["vocab"].__getitem__)
    assert len(texts) == config["vocab_size"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(texts)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if n in special else gguf.TokenType.NORMAL for n in range(len(texts))]
    )
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_eos_token_id(config["eos_token_id"])  # type: ignore[arg-type]
    writer.add_pad_token_id(config["pad_token_id"])  # type: ignore[arg-type]
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())


def _rotary(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of each head from transformers' order (first halves, then second) to llama.cpp's (pair by pair)."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def _tensor_name(name: str) -> str:
    if name in _WHOLE:
        return _WHOLE[name]
    _, _, block, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{block}.{_BLOCK[part]}.weight"
