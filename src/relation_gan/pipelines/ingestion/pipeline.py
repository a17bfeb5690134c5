"""Source -> store, judge and reference statistics of one data set."""

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.pipelines.ingestion import nodes


def create_pipeline(dataset: str) -> Pipeline:
    return pipeline(
        [
            node(nodes.load_digits, "params:data", "digits", name="load_digits"),
            node(nodes.stack_digits, ["digits", "params:data"], "images", name="stack_digits"),
            node(nodes.train_judge, ["digits", "params:data", "judge_file"], "judge", name="train_judge"),
            node(
                nodes.describe_real,
                ["images", "judge", "digits", "params:data", "params:evaluation", "reference_file"],
                "reference",
                name="describe_real",
            ),
        ],
        namespace=dataset,
        parameters={"params:data": "params:data", "params:evaluation": "params:evaluation"},
        tags="ingestion",
    )
