#!/usr/bin/env python3
"""Writes a random Llama that really runs: NAME/hf for vLLM and NAME/model.gguf for llama.cpp, with the same weights.

Every printable character is one token, so a text can be cut into tokens in one way only: an answer that is continued
from its text must go on exactly as the uncut one would have (greedy decoding). With --pairs that is not so, and some
tokens are parts of characters: only its token ids tell how an answer goes on. The output rows of the special tokens are
zero, so that an answer never ends before its limit. The size only sets the pace. (--pairs is for vLLM only.)
"""
import argparse
import json
import string
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT = 4096
# Bytes of two and of three characters: a token of these is no character yet.
LONGER = "é漢"
PAIRED = "aeinorst"
HEAD = 32
EPSILON = 1e-5
ROPE_BASE = 10000.0


def make_tokenizer(pairs):
    """Bytes of the printable characters, and not one merge; or also the bytes of some longer ones, and pairs of letters."""
    characters = string.printable[:95] + "\n" + (LONGER if pairs else "")
    seen = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(characters)
    letters = sorted({letter for word, _ in seen for letter in word})
    merges = [(a, b) for a in PAIRED for b in PAIRED] if pairs else []
    words = SPECIAL + letters + [a + b for a, b in merges]
    vocabulary = {token: number for number, token in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def make_weights(words, hidden, layers):
    """By the names of Hugging Face. The seed is fixed: two machines serve the same model."""
    rng = np.random.default_rng(7)

    def normal(rows, columns, scale=None):
        scale = scale or 1.5 / np.sqrt(columns)
        return (rng.standard_normal((rows, columns)) * scale).astype(np.float32)

    weights = {
        "model.embed_tokens.weight": normal(words, hidden, 1.0),
        "model.norm.weight": np.ones(hidden, np.float32),
        "lm_head.weight": normal(words, hidden, 0.5),
    }
    weights["lm_head.weight"][: len(SPECIAL)] = 0
    for layer in range(layers):
        at = f"model.layers.{layer}."
        for part in ("q", "k", "v", "o"):
            weights[f"{at}self_attn.{part}_proj.weight"] = normal(hidden, hidden)
        weights[f"{at}mlp.gate_proj.weight"] = normal(2 * hidden, hidden)
        weights[f"{at}mlp.up_proj.weight"] = normal(2 * hidden, hidden)
        weights[f"{at}mlp.down_proj.weight"] = normal(hidden, 2 * hidden)
        weights[f"{at}input_layernorm.weight"] = np.ones(hidden, np.float32)
        weights[f"{at}post_attention_layernorm.weight"] = np.ones(hidden, np.float32)
    return weights


def write_hugging_face(folder, tokenizer, weights, hidden, layers):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1))
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float32",
        "hidden_act": "silu",
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // HEAD,
        "num_key_value_heads": hidden // HEAD,
        "head_dim": HEAD,
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": EPSILON,
        "rope_theta": ROPE_BASE,
        "tie_word_embeddings": False,
        "bos_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "eos_token_id": tokenizer.token_to_id("<|im_end|>"),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})


# What llama.cpp calls the tensors of a layer.
LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name):
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole or name == "lm_head.weight":
        return whole.get(name, "output.weight")
    _, _, layer, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{LAYER_NAMES[part]}.weight"


def interleaved(matrix, hidden):
    """llama.cpp rotates neighbours where Hugging Face rotates halves, so the rows of q and k change places."""
    heads = hidden // HEAD
    return np.ascontiguousarray(matrix.reshape(heads, 2, HEAD // 2, hidden).swapaxes(1, 2).reshape(hidden, hidden))


def write_gguf(file, tokenizer, weights, hidden, layers):
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_block_count(layers)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(2 * hidden)
    writer.add_head_count(hidden // HEAD)
    writer.add_head_count_kv(hidden // HEAD)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_vocab_size(tokenizer.get_vocab_size())
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    words = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.CONTROL if w in SPECIAL else gguf.TokenType.NORMAL for w in words])
    # The format wants a merge; this one never applies, for its second half is no letter.
    writer.add_token_merges([f"{words[3]} {SPECIAL[0]}"])
    writer.add_bos_token_id(tokenizer.token_to_id("<|endoftext|>"))
    writer.add_eos_token_id(tokenizer.token_to_id("<|im_end|>"))
    writer.add_pad_token_id(tokenizer.token_to_id("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, matrix in weights.items():
        rotated = "q_proj" in name or "k_proj" in name
        writer.add_tensor(gguf_name(name), interleaved(matrix, hidden) if rotated else matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="folder to write, below the present one")
    parser.add_argument("--hidden", type=int, default=64, help=f"width; a multiple of {HEAD}")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--pairs", action="store_true", help="one text can be cut into tokens in many ways")
    given = parser.parse_args()
    tokenizer = make_tokenizer(given.pairs)
    weights = make_weights(tokenizer.get_vocab_size(), given.hidden, given.layers)
    folder = Path(given.name)
    write_hugging_face(folder / "hf", tokenizer, weights, given.hidden, given.layers)
    if not given.pairs:
        write_gguf(folder / "model.gguf", tokenizer, weights, given.hidden, given.layers)


if __name__ == "__main__":
    main()
