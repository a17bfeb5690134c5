"""One simulation a system -> one report."""

from functools import partial, update_wrapper

from kedro.pipeline import Pipeline, node, pipeline

from relation_gan.pipelines.dirac import nodes


def create_pipeline(study: str, systems: list[str]) -> Pipeline:
    """Args: the report's folder, and the names of the systems in `dirac.systems`."""
    simulate = [
        node(
            nodes.simulate,
            [f"params:dirac.systems.{system}", "params:dirac.solver", f"{study}.{system}.simulation_file"],
            f"{study}.{system}.simulation",
            name="simulate",
            namespace=f"{study}.{system}",
            tags="simulation",
        )
        for system in systems
    ]
    write = node(
        update_wrapper(partial(nodes.write_report, study), nodes.write_report),
        [f"{study}.{system}.simulation" for system in systems],
        [f"{study}.{kind}" for kind in ("report", "table", "trajectories", "fields", "measures", "summary")],
        name="write_report",
        namespace=study,
        tags="reporting",
    )
    return pipeline([*simulate, write])
