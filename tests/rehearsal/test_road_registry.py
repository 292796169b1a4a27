"""What a person reads of a road's registry, which answers a page at a time."""

from types import SimpleNamespace

from rehearsal.road import Road

GROUP = "Paged"


def test_every_version_of_the_group_is_read_however_many_pages_hold_them(cloud):
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    for _ in range(11):
        sagemaker.create_model_package(ModelPackageGroupName=GROUP)
    assert "NextToken" in sagemaker.list_model_packages(ModelPackageGroupName=GROUP)

    road = SimpleNamespace(cloud=cloud, outputs={"model_package_group": GROUP})

    assert [package["ModelPackageVersion"] for package in Road.packages(road)] == list(range(11, 0, -1))
